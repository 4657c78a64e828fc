"""What became of each day: a judgement on summaries and manifests, without any IO."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from include.manifest import Approval, Manifest, RowCounts
from include.site.summary import RunSummary


class Verdict(StrEnum):
    """The state of a day, in the words of the page."""

    PUBLISHED = "published"
    REFUSED = "refused"
    WAITING = "checked, not published"
    PENDING = "not here yet"
    MISSING = "missing"
    BEFORE = "before the first day"


@dataclass(frozen=True, kw_only=True)
class Day:
    """One day. `folder` is where the pages of the validation are that decided about it, if there was one."""

    day: str
    verdict: Verdict
    rows: Mapping[str, RowCounts]
    reasons: Mapping[str, Mapping[str, int]]
    total_price: str = ""
    folder: str = ""
    published_at: str = ""
    faults: Sequence[str] = ()
    warnings: Sequence[str] = ()
    approval: Approval | None = None
    is_newer_refused: bool = False

    @property
    def remark(self) -> str:
        """What a published day should not go without saying; mostly nothing."""
        if self.verdict is not Verdict.PUBLISHED:
            return ""
        count = len(self.warnings)
        warned = f"{count} warning{'s' if count > 1 else ''}" if count else ""
        return ", ".join(filter(None, ("approved with faults" if self.approval else "", warned)))

    @property
    def state(self) -> str:
        return f"{self.verdict}, {self.remark}" if self.remark else self.verdict.value

    @property
    def accepted_orders(self) -> int:
        return self.rows["orders"]["published"] if self.rows else 0

    @property
    def quarantined(self) -> int:
        return sum(counts["quarantined"] for counts in self.rows.values())

    @property
    def reason_totals(self) -> dict[str, int]:
        """How often each reason refused a row, in all files together, the most frequent first."""
        totals: dict[str, int] = {}
        for counts in self.reasons.values():
            for reason, count in counts.items():
                totals[reason] = totals.get(reason, 0) + count
        return dict(sorted(((reason, n) for reason, n in totals.items() if n), key=lambda item: -item[1]))


def judge_days(
    days: Iterable[str],
    summaries: Iterable[RunSummary],
    manifests: Mapping[str, Manifest],
    *,
    today: str,
    first_day: str | None,
) -> list[Day]:
    """One judgement for each of the days. `first_day` is the first that any run was for."""
    latest: dict[str, RunSummary] = {}
    for summary in sorted(summaries, key=lambda summary: summary["validated_at"]):
        latest[summary["day"]] = summary
    return [
        judge_day(day, latest.get(day), manifests.get(day), today=today, first_day=first_day) for day in days
    ]


def judge_day(
    day: str, summary: RunSummary | None, manifest: Manifest | None, *, today: str, first_day: str | None
) -> Day:
    """A day is good when a manifest vouches for it; all else is told by its latest validation."""
    if manifest:
        return judge_published(day, summary, manifest)
    if summary:
        return Day(
            day=day,
            verdict=Verdict.REFUSED if summary["faults"] else Verdict.WAITING,
            rows=summary["rows"],
            reasons=summary["reasons"],
            total_price=summary["total_price"],
            folder=summary["folder"],
            faults=summary["faults"],
            warnings=summary.get("warnings", ()),
        )
    return Day(day=day, verdict=judge_absent(day, today, first_day), rows={}, reasons={})


def judge_published(day: str, summary: RunSummary | None, manifest: Manifest) -> Day:
    is_newer_refused = bool(
        summary and summary["faults"] and summary["validated_at"] > manifest["published_at"]
    )
    folder = manifest["quality"]["docs_key"].split("/")[-5:-1]
    return Day(
        day=day,
        verdict=Verdict.PUBLISHED,
        rows=manifest["rows"],
        reasons=manifest["reasons"],
        total_price=manifest["total_price"],
        folder="/".join(folder),
        published_at=manifest["published_at"],
        faults=summary["faults"] if summary and is_newer_refused else (),
        warnings=manifest["quality"].get("warnings", ()),
        approval=manifest.get("approval"),
        is_newer_refused=is_newer_refused,
    )


def judge_absent(day: str, today: str, first_day: str | None) -> Verdict:
    if first_day is None or day < first_day:
        return Verdict.BEFORE
    return Verdict.PENDING if day >= today else Verdict.MISSING
