"""`make run`: one day through the real DAG."""

import datetime as dt
from pathlib import Path

from include.local.dag_run import TaskProgress, find_failed, read_fault, trigger_day, watch_run
from include.local.errors import LocalError, RunFailedError
from include.local.outputs import copy_published, copy_rejected, print_day
from include.local.session import StepLogger, generate_raw_files, prepare, use_stack
from include.local.settings_file import read_settings
from include.local.stack import Stack
from include.local.storage import find_raw_files, upload_raw_files
from include.site.publish import read_day


def main(day_text: str | None, raw_dir: Path | None) -> None:
    """Publish one day, on the running stack or on a temporary one.

    Raises
    ------
    LocalError: the day or the raw files are unusable, or the stack cannot start.
    SampleDataError: there is no sample data for this contract.
    RunFailedError: the day was not published.
    """
    day = parse_day(day_text)
    if raw_dir:
        find_raw_files(raw_dir, read_settings().layout)
    else:
        _check_sample_data()
    steps = StepLogger()
    with use_stack(steps, is_owned=True) as stack:
        if not raw_dir:
            raw_dir = generate_raw_files(stack, day)
            steps.log(f"Generated the raw files of {day}: {raw_dir}")
        prepare(stack, steps)
        publish_day(stack, day.isoformat(), raw_dir, steps)


def _check_sample_data() -> None:
    """Before the stack starts, which takes half a minute."""
    from include.generate import check_shapes

    check_shapes()


def parse_day(text: str | None) -> dt.date:
    """The given day, or today in UTC.

    Raises
    ------
    LocalError: the text is not a date in the form YYYY-MM-DD.
    """
    if not text:
        return dt.datetime.now(dt.UTC).date()
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        day = None
    # Other ISO 8601 forms, such as 20261121, would end up in the keys of objects.
    if day is None or day.isoformat() != text:
        raise LocalError(f"DAY={text} is not a day. Use YYYY-MM-DD, such as DAY=2026-11-21.")
    return day


def publish_day(stack: Stack, day: str, raw_dir: Path, steps: StepLogger) -> None:
    """Deliver the raw files, run the DAG, copy its outputs to this machine, and print a summary.

    Raises
    ------
    RunFailedError: the day was not published; outputs of the run were copied.
    """
    layout = stack.layout
    upload_raw_files(stack.hook, layout, day, find_raw_files(raw_dir, layout))
    steps.log(f"Delivered the raw files of {day}")
    run_id = trigger_day(stack.api, day)
    steps.log(f"Started run {run_id}")
    failed = find_failed(watch_run(stack, run_id, steps.console))
    target = stack.state.output(day)
    site_url = "" if stack.is_started_here else stack.url
    if failed:
        rejected = copy_rejected(stack.hook, layout, day, run_id, target)
        print_day(steps.console, read_day(stack.hook, layout, day), rejected, site_url)
        raise RunFailedError(describe_failed_run(stack, day, run_id, failed, has_closed_gate=bool(rejected)))
    copy_published(stack.hook, layout, day, target)
    print_day(steps.console, read_day(stack.hook, layout, day), target, site_url)
    steps.log(f"Published {day}")


def describe_failed_run(
    stack: Stack, day: str, run_id: str, failed: TaskProgress, *, has_closed_gate: bool
) -> str:
    """The error message of a run that published nothing. The summary already explains a closed gate."""
    if has_closed_gate:
        return (
            f"This run of {day} published nothing: the gate is closed. Correct the files, then "
            f"`make run DAY={day} RAW=folder`."
        )
    fault = read_fault(stack, run_id, failed)
    return f"This run of {day} published nothing; {failed.task_id} failed: {fault}"
