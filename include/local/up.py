"""`make up`, `make down` and `make status`."""

import datetime as dt

from include.errors import SampleDataError
from include.keys import Layout
from include.local.dag_run import CORRECTIONS_DAG_ID, DAG_ID
from include.local.session import StepLogger, generate_raw_files, prepare, use_stack
from include.local.stack import Stack
from include.local.state import ADMIN
from include.local.storage import create_buckets, find_raw_files, has_raw_files, upload_raw_files

_DAYS = 7


def start() -> None:
    """Start the stack with the schedule on and a week of raw files, and leave it running."""
    steps = StepLogger()
    with use_stack(steps, is_owned=False) as stack:
        _open_schedule(stack, steps)


def stop() -> None:
    """Stop what is running in the state folder."""
    stopped = Stack().stop()
    print(f"Stopped the stack ({stopped} processes)." if stopped else "Nothing was running.")


def show() -> None:
    """Print whether the stack is running, and where."""
    stack = Stack()
    record = stack.find_running()
    if not record:
        print("Nothing is running. `make up` starts the stack.")
        return
    stack.join(record)
    health = "is ready" if stack.api.is_healthy() else "is not ready yet"
    workers = f" with {stack.workers} Celery workers" if stack.workers else ""
    print(f"The stack runs{workers} and {health}: Airflow on {stack.url}, S3 on {stack.endpoint_url}.")


def _open_schedule(stack: Stack, steps: StepLogger) -> None:
    days = _list_days(steps)
    delivered = _deliver_early(stack, days) if stack.is_started_here else 0
    prepare(stack, steps)
    delivered += _deliver_days(stack, stack.layout, days)
    steps.log(f"Delivered the raw files of {delivered} days; {len(days) - delivered} already had them")
    # The schedule starts today's run; earlier days need a backfill.
    missing = stack.api.backfill(DAG_ID, _midnight(days[0]), _midnight(days[-2])) if days else 0
    stack.api.unpause(DAG_ID)
    stack.api.unpause(CORRECTIONS_DAG_ID)
    steps.log(f"The schedule is on; a backfill runs {missing} earlier days")
    _print_address(stack, steps)


def _list_days(steps: StepLogger) -> list[dt.date]:
    """The days to deliver; none where the contract declares files that the generator does not write."""
    from include.generate import check_shapes

    try:
        check_shapes()
    except SampleDataError as error:
        steps.log(str(error))
        return []
    today = dt.datetime.now(dt.UTC).date()
    return [today - dt.timedelta(days=age) for age in reversed(range(_DAYS))]


def _deliver_early(stack: Stack, days: list[dt.date]) -> int:
    """Deliver while Airflow starts. Returns the number of days that had no files yet.

    Otherwise the first run of the watchdog would report files that arrive some seconds later. Layout settings
    that were changed in the UI cannot be read yet; their files are delivered afterwards.
    """
    layout = stack.settings.layout
    stack.wait_for_store()
    create_buckets(stack.hook, layout)
    return _deliver_days(stack, layout, days)


def _deliver_days(stack: Stack, layout: Layout, days: list[dt.date]) -> int:
    return sum(_deliver(stack, layout, day) for day in days)


def _deliver(stack: Stack, layout: Layout, day: dt.date) -> bool:
    """Deliver generated raw files, unless the day already has files."""
    if has_raw_files(stack.hook, layout, day.isoformat()):
        return False
    files = find_raw_files(generate_raw_files(stack, day), layout)
    upload_raw_files(stack.hook, layout, day.isoformat(), files)
    return True


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)


def _print_address(stack: Stack, steps: StepLogger) -> None:
    for name, text in (
        ("Airflow", stack.url),
        ("site", f"{stack.url}/quality/"),
        ("login", f"{ADMIN} / {stack.password}"),
        ("S3", stack.endpoint_url),
        ("logs", str(stack.state.logs)),
        ("stop", "make down"),
    ):
        steps.console.print(f"{name:<10}{text}", soft_wrap=True, highlight=False, markup=False)
