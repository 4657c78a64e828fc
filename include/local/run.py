"""`make run`: one day through the real DAG."""

import datetime as dt
from pathlib import Path
from typing import Any

from include.local.dag_run import find_failed, read_fault, trigger_day, watch_run
from include.local.errors import LocalError, RunFailedError
from include.local.outputs import copy_published, copy_refused
from include.local.session import StepLogger, generate_raw_files, prepare, use_stack
from include.local.settings_file import read_settings
from include.local.stack import Stack
from include.local.storage import find_raw_files, upload_raw_files
from include.local.summary import print_published, print_refused


def main(day_text: str | None, raw_dir: Path | None) -> None:
    """Publish one day, with a stack of its own unless one is running.

    Raises
    ------
    LocalError: what was asked for cannot be done.
    RunFailedError: the day was not published.
    """
    day = parse_day(day_text)
    if raw_dir:
        find_raw_files(raw_dir, read_settings().layout)
    teller = StepLogger()
    with use_stack(teller, is_owned=True) as stack:
        if not raw_dir:
            raw_dir = generate_raw_files(stack, day)
            teller.tell(f"Generated the raw files of {day}: {raw_dir}")
        prepare(stack, teller)
        publish_day(stack, day.isoformat(), raw_dir, teller)


def parse_day(text: str | None) -> dt.date:
    """The day that was asked for; today in UTC when none was.

    Raises
    ------
    LocalError: the text is no date of the form YYYY-MM-DD.
    """
    if not text:
        return dt.datetime.now(dt.UTC).date()
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        day = None
    # Other forms of ISO 8601, such as 20261121, would go unnoticed into the names of objects.
    if day is None or day.isoformat() != text:
        raise LocalError(f"DAY={text} is no day. Give it as YYYY-MM-DD, such as DAY=2026-11-21.")
    return day


def publish_day(stack: Stack, day: str, raw_dir: Path, teller: StepLogger) -> dict[str, Any]:
    """Deliver the raw files, run the DAG, and copy its outputs to this machine. Returns the manifest.

    Raises
    ------
    RunFailedError: says why the day was not published; what the run left was copied.
    """
    layout = stack.layout
    upload_raw_files(stack.hook, layout, day, find_raw_files(raw_dir, layout))
    teller.tell(f"Delivered the raw files of {day}")
    run_id = trigger_day(stack.api, day)
    teller.tell(f"Started run {run_id}")
    failed = find_failed(watch_run(stack, run_id, teller.console))
    target = stack.state.output(day)
    if failed:
        if gate := copy_refused(stack.hook, layout, day, run_id, target):
            print_refused(teller.console, gate, target)
        fault = read_fault(stack, run_id, failed)
        raise RunFailedError(f"{day} was not published; {failed.task_id} failed: {fault}")
    manifest = copy_published(stack.hook, layout, day, target)
    print_published(teller.console, layout, manifest, target)
    teller.tell(f"Published {day}")
    return manifest
