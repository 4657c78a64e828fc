"""`make deliver`: put raw files into the running stack's raw bucket, as a producer would."""

from pathlib import Path

from include import keys
from include.local.errors import LocalError
from include.local.run import parse_day
from include.local.session import make_stack
from include.local.storage import connect, find_raw_files, translate_s3_errors, upload_raw_files


def main(day_text: str | None, raw_dir: Path | None) -> None:
    """Deliver the raw files of a day, replacing an earlier delivery.

    Raises
    ------
    LocalError: the folder or a file in it is missing, or no stack is running.
    """
    if raw_dir is None:
        raise LocalError("Give the folder with the files, such as make deliver RAW=~/shop.")
    day = parse_day(day_text).isoformat()
    stack = make_stack(is_owned=False)
    if not (record := stack.find_running()):
        raise LocalError("Nothing is running. `make up` starts the stack.")
    stack.join(record)
    with translate_s3_errors():
        layout = stack.layout
        files = find_raw_files(raw_dir, layout)
        upload_raw_files(connect(stack.settings.store), layout, day, files)
    for dataset, path in files.items():
        print(f"Delivered {path} ({path.stat().st_size:,} bytes) as {keys.raw(layout, day, dataset)}")
    print(
        f"The run of {day} starts as soon as it is scheduled. If the day is published already, the next "
        f"hourly check reruns it. Runs: {stack.url}/dags/ecommerce_etl/runs"
    )
