"""Watchdog: alerts about missing raw files and about days that no run has published.

Reads S3 only, and only a few recent days, so the cost does not grow with the history. The alert log in S3
ensures that each problem of a day is alerted once.
"""

import datetime as dt
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include import keys
from include.config import ETL_DAG_ID, Settings
from include.contract import DELIVERED
from include.day import list_due_days
from include.errors import AlertNotSentError
from include.reporting.alert_log import (
    FILES_MISSING,
    NOT_PUBLISHED,
    RUN_FAILED,
    clear_alert_log,
    read_alert_log,
    record_alert,
)
from include.reporting.alerts import Alert, describe_remedy, make_subject, send_alert
from include.s3.listing import find_first_name
from include.s3.objects import find_object, read_json

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class DayState:
    """The state of a due day in S3.

    Parameters
    ----------
    alerted: the problems that were alerted, each with the instant of its alert.
    published_at: None if the day is not published.
    published_orders: rows.
    missing: URLs of the raw files that have not arrived; empty for a published day.
    complete_at: when the last raw file arrived; None if one is missing.
    """

    day: str
    alerted: Mapping[str, str]
    published_at: dt.datetime | None = None
    published_orders: int = 0
    missing: tuple[str, ...] = ()
    complete_at: dt.datetime | None = None

    @property
    def has_delivery(self) -> bool:
        """Whether at least one file of the day has arrived."""
        return self.published_at is not None or len(self.missing) < len(DELIVERED)

    @property
    def is_resolved(self) -> bool:
        """Whether the day was published after its last alert; an earlier publication does not count."""
        if not (self.alerted and self.published_at):
            return False
        return self.published_at >= max(map(dt.datetime.fromisoformat, self.alerted.values()))


@dataclass(frozen=True, kw_only=True)
class DayAlert:
    """One alert and the days that it is about; `problem` is None for an all-clear."""

    problem: str | None
    days: list[str]
    alert: Alert


def watch(
    hook: "S3Hook",
    settings: Settings,
    now: dt.datetime,
    ui_url: str,
    send: Callable[[Alert], bool] = send_alert,
) -> dict[str, str]:
    """Check the most recent due days and alert about new problems. Returns a short status of each day.

    Raises
    ------
    AlertNotSentError: no channel accepted an alert; the next check sends it again.
    """
    days = list_due_days(now, settings.deadline_hour, settings.watchdog_days)
    states = [read_day_state(hook, settings.layout, day) for day in reversed(days)]
    first_day = find_first_published_day(hook, settings.layout) or find_first_delivered_day(states)
    if first_day is None:
        log.info("Nothing is published and no raw file of %s has arrived: nothing to watch", days)
        return {}
    watched = [state for state in states if state.day >= first_day]
    for state in watched:
        log.info("%s: %s", state.day, describe_state(state))
    alerts = collect_alerts(watched, settings, now, ui_url)
    is_sent = [send_day_alert(hook, settings.layout, each, now, send) for each in alerts]
    if not all(is_sent):
        raise AlertNotSentError("No channel accepted the alert; see the log. The next check tries again.")
    return {state.day: describe_state(state) for state in watched}


def read_day_state(hook: "S3Hook", layout: keys.Layout, day: str) -> DayState:
    alerted = read_alert_log(hook, layout, day)
    if manifest := read_json(hook, keys.manifest(layout, day)):
        published_at = dt.datetime.fromisoformat(manifest["published_at"])
        orders = manifest["rows"]["orders"]["published"]
        return DayState(day=day, alerted=alerted, published_at=published_at, published_orders=orders)
    raw = {url: find_object(hook, url) for url in (keys.raw(layout, day, name) for name in DELIVERED)}
    missing = tuple(url for url, state in raw.items() if state is None)
    arrived_at = [dt.datetime.fromisoformat(state["written_at"]) for state in raw.values() if state]
    complete_at = None if missing else max(arrived_at)
    return DayState(day=day, alerted=alerted, missing=missing, complete_at=complete_at)


def find_first_published_day(hook: "S3Hook", layout: keys.Layout) -> str | None:
    """S3 lists manifests in the order of their days."""
    name = find_first_name(hook, keys.manifests(layout))
    return name.removesuffix(".json") if name else None


def find_first_delivered_day(states: Sequence[DayState]) -> str | None:
    return next((state.day for state in states if state.has_delivery), None)


def collect_alerts(
    states: Sequence[DayState], settings: Settings, now: dt.datetime, ui_url: str
) -> list[DayAlert]:
    """The alerts to send now, at most one of each kind."""
    runs_url = f"{ui_url}/dags/{ETL_DAG_ID}/runs"
    problems = {state.day: find_problem(state, settings, now) for state in states}
    new = [state for state in states if not is_alerted(state, problems[state.day])]
    missing = [state for state in new if problems[state.day] == FILES_MISSING]
    unpublished = [state for state in new if problems[state.day] == NOT_PUBLISHED]
    resolved = [state for state in states if state.is_resolved]
    found = [
        (FILES_MISSING, missing, describe_missing(missing, settings.deadline_hour, runs_url)),
        (NOT_PUBLISHED, unpublished, describe_unpublished(unpublished, runs_url)),
        (None, resolved, describe_resolved(resolved)),
    ]
    return [
        DayAlert(problem=problem, days=[state.day for state in affected], alert=alert)
        for problem, affected, alert in found
        if affected
    ]


def find_problem(state: DayState, settings: Settings, now: dt.datetime) -> str | None:
    if state.published_at:
        return None
    if state.complete_at is None:
        return FILES_MISSING
    is_overdue = now - state.complete_at >= dt.timedelta(hours=settings.processing_hours)
    return NOT_PUBLISHED if is_overdue else None


def is_alerted(state: DayState, problem: str | None) -> bool:
    """Whether an alert was sent about the problem; a failed run sends its own."""
    return problem in state.alerted or RUN_FAILED in state.alerted


def send_day_alert(
    hook: "S3Hook",
    layout: keys.Layout,
    day_alert: DayAlert,
    now: dt.datetime,
    send: Callable[[Alert], bool],
) -> bool:
    """Send an alert and record it for its days. Returns whether it was sent."""
    if not send(day_alert.alert):
        return False
    for day in day_alert.days:
        if day_alert.problem:
            record_alert(hook, layout, day, day_alert.problem, now)
        else:
            clear_alert_log(hook, layout, day)
    return True


def describe_missing(states: Sequence[DayState], deadline_hour: int, runs_url: str) -> Alert:
    files = [f"{state.day}: {url}" for state in states for url in state.missing]
    return Alert(
        subject=make_subject(join_days(states), "raw files are missing"),
        text="\n".join(
            [
                f"These raw files had not arrived by {deadline_hour:02}:00 UTC:",
                *files,
                "",
                "Each day's run waits for its files and continues when they arrive.",
                f"Runs: {runs_url}",
                "",
                describe_remedy("Ask the producers.", "Raw files are missing"),
            ]
        ),
    )


def describe_unpublished(states: Sequence[DayState], runs_url: str) -> Alert:
    return Alert(
        subject=make_subject(join_days(states), "not published, although all raw files have arrived"),
        text="\n".join(
            [
                "All raw files have arrived and no run reported a failure, but the day is not published:",
                *(f"{state.day}: {describe_state(state)}" for state in states),
                "",
                "The run was never started, was killed, is waiting or hangs.",
                f"Runs: {runs_url}",
                "",
                describe_remedy("Check the run of the day.", "A day is not published"),
            ]
        ),
    )


def describe_resolved(states: Sequence[DayState]) -> Alert:
    return Alert(
        subject=make_subject(join_days(states), "all clear"),
        text="\n".join(f"{state.day}: {describe_state(state)}." for state in states),
    )


def join_days(states: Sequence[DayState]) -> str:
    return ", ".join(state.day for state in states)


def describe_state(state: DayState) -> str:
    """A short status, such as `not published yet; missing s3://…/orders.csv`."""
    if state.published_at:
        return f"published at {format_minute(state.published_at)}, {state.published_orders:,} orders"
    if state.complete_at:
        return f"not published yet; its raw files were complete at {format_minute(state.complete_at)}"
    return f"not published yet; missing {', '.join(state.missing)}"


def format_minute(instant: dt.datetime) -> str:
    return instant.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
