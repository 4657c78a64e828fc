"""Notices what no run can tell: raw files that do not come, and a day that nobody processes.

Looks at S3 only, and at the days of a short window: the cost does not grow with history. Of a day that stays
as it is people are told once.
"""

import datetime as dt
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include import keys
from include.config import ETL_DAG_ID, Settings
from include.contract import DATASETS
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
    """A day that is due, as S3 shows it.

    Parameters
    ----------
    told: the kinds of trouble that people were told, each with the instant.
    published_at: None while it is not published.
    published_orders: rows.
    missing: the raw files that have not come; not looked for once the day is published.
    complete_at: when the last raw file came; None while one is missing.
    """

    day: str
    told: Mapping[str, str]
    published_at: dt.datetime | None = None
    published_orders: int = 0
    missing: tuple[str, ...] = ()
    complete_at: dt.datetime | None = None

    @property
    def is_delivered(self) -> bool:
        """Whether anything of the day has come."""
        return self.published_at is not None or len(self.missing) < len(DATASETS)

    @property
    def is_healed(self) -> bool:
        """Published after people were told of trouble; an earlier version of the day heals nothing."""
        if not (self.told and self.published_at):
            return False
        return self.published_at >= max(map(dt.datetime.fromisoformat, self.told.values()))


@dataclass(frozen=True, kw_only=True)
class News:
    """One message and the days that it tells of. `trouble` is None when it gives the all-clear."""

    trouble: str | None
    days: list[str]
    alert: Alert


def watch(
    hook: "S3Hook",
    settings: Settings,
    now: dt.datetime,
    ui_url: str,
    send: Callable[[Alert], bool] = send_alert,
) -> dict[str, str]:
    """Look at the newest days that are due, and tell people what is new. Returns a few words for each day.

    Raises
    ------
    AlertNotSentError: nobody could be told; the next look tells it again.
    """
    days = list_due_days(now, settings.deadline_hour, settings.watchdog_days)
    states = [look_at_day(hook, settings.layout, day) for day in reversed(days)]
    first_day = find_first_day(hook, settings.layout) or find_first_delivered(states)
    if first_day is None:
        log.info("Nothing was ever published, and no raw file of %s has come: nothing to watch", days)
        return {}
    watched = [state for state in states if state.day >= first_day]
    for state in watched:
        log.info("%s: %s", state.day, describe_state(state))
    news = collect_news(watched, settings, now, ui_url)
    is_told = [send_news(hook, settings.layout, each, now, send) for each in news]
    if not all(is_told):
        raise AlertNotSentError("No channel took the alert. The log says why; the next look tries again.")
    return {state.day: describe_state(state) for state in watched}


def look_at_day(hook: "S3Hook", layout: keys.Layout, day: str) -> DayState:
    told = read_alert_log(hook, layout, day)
    if manifest := read_json(hook, keys.manifest(layout, day)):
        published_at = dt.datetime.fromisoformat(manifest["published_at"])
        orders = manifest["rows"]["orders"]["published"]
        return DayState(day=day, told=told, published_at=published_at, published_orders=orders)
    raw = {url: find_object(hook, url) for url in (keys.raw(layout, day, name) for name in DATASETS)}
    missing = tuple(url for url, state in raw.items() if state is None)
    came_at = [dt.datetime.fromisoformat(state["written_at"]) for state in raw.values() if state]
    return DayState(day=day, told=told, missing=missing, complete_at=None if missing else max(came_at))


def find_first_day(hook: "S3Hook", layout: keys.Layout) -> str | None:
    """The first day that was ever published: S3 lists manifests in the order of their days."""
    name = find_first_name(hook, keys.manifests(layout))
    return name.removesuffix(".json") if name else None


def find_first_delivered(states: Sequence[DayState]) -> str | None:
    """Before the first publication: the first day of which a raw file came."""
    return next((state.day for state in states if state.is_delivered), None)


def collect_news(states: Sequence[DayState], settings: Settings, now: dt.datetime, ui_url: str) -> list[News]:
    """What people have to be told, one message for each kind."""
    runs_url = f"{ui_url}/dags/{ETL_DAG_ID}/runs"
    troubles = [(state, find_problem(state, settings, now)) for state in states]
    new = [(state, trouble) for state, trouble in troubles if trouble and not is_known(state, trouble)]
    missing = [state for state, trouble in new if trouble == FILES_MISSING]
    stuck = [state for state, trouble in new if trouble == NOT_PUBLISHED]
    healed = [state for state in states if state.is_healed]
    found = [
        (FILES_MISSING, missing, describe_missing(missing, settings.deadline_hour, runs_url)),
        (NOT_PUBLISHED, stuck, describe_stuck(stuck, runs_url)),
        (None, healed, describe_healed(healed)),
    ]
    return [
        News(trouble=trouble, days=[state.day for state in days], alert=alert)
        for trouble, days, alert in found
        if days
    ]


def find_problem(state: DayState, settings: Settings, now: dt.datetime) -> str | None:
    """What is wrong with a day that is due; None while nothing is."""
    if state.published_at:
        return None
    if state.complete_at is None:
        return FILES_MISSING
    has_had_time = now - state.complete_at >= dt.timedelta(hours=settings.processing_hours)
    return NOT_PUBLISHED if has_had_time else None


def is_known(state: DayState, trouble: str) -> bool:
    """Whether people were told; a run that failed told of its day itself."""
    return trouble in state.told or RUN_FAILED in state.told


def send_news(
    hook: "S3Hook", layout: keys.Layout, news: News, now: dt.datetime, send: Callable[[Alert], bool]
) -> bool:
    """Send, and keep that it was told. Returns whether somebody was told."""
    if not send(news.alert):
        return False
    for day in news.days:
        if news.trouble:
            record_alert(hook, layout, day, news.trouble, now)
        else:
            clear_alert_log(hook, layout, day)
    return True


def describe_missing(states: Sequence[DayState], deadline_hour: int, runs_url: str) -> Alert:
    files = [f"{state.day}: {url}" for state in states for url in state.missing]
    return Alert(
        subject=make_subject(join_days(states), "raw files are missing"),
        text="\n".join(
            [
                f"These raw files had not come by {deadline_hour:02}:00 UTC:",
                *files,
                "",
                "The run of a day waits for its files and goes on by itself when they come.",
                f"Runs: {runs_url}",
                "",
                describe_remedy("Ask the producers.", "Raw files are missing"),
            ]
        ),
    )


def describe_stuck(states: Sequence[DayState], runs_url: str) -> Alert:
    days = [f"{state.day}: {describe_state(state)}" for state in states]
    return Alert(
        subject=make_subject(join_days(states), "not published, though all files are there"),
        text="\n".join(
            [
                "All raw files have come, no failure was told, and yet:",
                *days,
                "",
                "The run was never started, was killed, waits, or hangs.",
                f"Runs: {runs_url}",
                "",
                describe_remedy("Look at the run of the day.", "A day is not published"),
            ]
        ),
    )


def describe_healed(states: Sequence[DayState]) -> Alert:
    return Alert(
        subject=make_subject(join_days(states), "all clear"),
        text="\n".join(f"{state.day}: {describe_state(state)}." for state in states),
    )


def join_days(states: Sequence[DayState]) -> str:
    return ", ".join(state.day for state in states)


def describe_state(state: DayState) -> str:
    """A day in a few words."""
    if state.published_at:
        return f"published at {format_minute(state.published_at)}, {state.published_orders:,} orders"
    if state.complete_at:
        return f"not published yet; its raw files are complete since {format_minute(state.complete_at)}"
    return f"not published yet; missing {', '.join(state.missing)}"


def format_minute(instant: dt.datetime) -> str:
    """For people, who wait for days and not for seconds."""
    return instant.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
