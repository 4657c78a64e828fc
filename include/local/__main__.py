"""`python -m include.local`: the commands of the local stack, such as `make run` and `make up`."""

import argparse
import datetime as dt
import importlib
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from include.errors import PipelineError
from include.local.stack_contract import use_contract_of_stack

#: Module, function and arguments of each command. Only that module is imported, so that `transform` does not
#: wait for Airflow.
COMMANDS = {
    "run": ("run", "main", "day", "raw"),
    "up": ("up", "start"),
    "down": ("up", "stop"),
    "status": ("up", "show"),
    "deliver": ("deliver", "main", "day", "raw"),
    "query": ("query", "main", "sql", "out"),
    "verify": ("verify", "main", "day"),
    "inspect": ("inspect_files", "main", "raw", "out"),
    "transform": ("transform_files", "main", "raw_dir", "out_dir", "day"),
    "quarantine": ("repairs", "export", "day", "file", "dataset", "run"),
    "repair": ("repairs", "upload", "day", "file", "dataset"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run a command. Returns 0 on success, 1 with one line on stderr on failure."""
    signal.signal(signal.SIGTERM, _interrupt)
    # Raw files, outputs and logs contain personal data, so only their owner may read them.
    os.umask(0o077)
    words = sys.argv[1:] if arguments is None else arguments
    try:
        use_contract_of_stack(words[0] if words else "")
        _run_command(make_parser().parse_args(words))
    except (PipelineError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: stopped on request", file=sys.stderr)
        return 130
    return 0


def make_parser() -> argparse.ArgumentParser:
    # Imported here, because a contradictory contract fails on import.
    from include.contract import DELIVERED

    parser = argparse.ArgumentParser(prog="python -m include.local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="publish one day through the real DAG")
    run.add_argument("--day", help="the delivery day, YYYY-MM-DD; default: today in UTC")
    run.add_argument("--raw", type=_read_path, help="folder with the day's raw files; default: generated")
    deliver = commands.add_parser("deliver", help="deliver raw files to the running stack")
    deliver.add_argument("--day", help="the delivery day, YYYY-MM-DD; default: today in UTC")
    deliver.add_argument("--raw", type=_read_path, help="folder with the day's raw files")
    commands.add_parser("up", help="start the stack with the schedule on and a week of raw files")
    commands.add_parser("down", help="stop the stack")
    commands.add_parser("status", help="show whether the stack is running, and where")
    query = commands.add_parser("query", help="run SQL over the published days; without --sql, a prompt")
    query.add_argument("--sql", default="", help="one statement")
    query.add_argument("--out", type=_read_path, help="a .csv or .parquet file for the result")
    verify = commands.add_parser("verify", help="prove a published day by recomputing it")
    verify.add_argument("--day", required=True, help="the delivery day, YYYY-MM-DD")
    inspect = commands.add_parser("inspect", help="describe your files and print the contract that fits them")
    inspect.add_argument("--raw", type=_read_path, help="folder with CSV files of any names")
    inspect.add_argument("--out", type=_read_path, help="a new file for the contract that reads them")
    transform = commands.add_parser("transform", help="run the transform alone, on local files")
    transform.add_argument("raw_dir", type=Path, help="folder with the raw files")
    transform.add_argument("out_dir", type=Path, help="folder for the Parquet files")
    transform.add_argument(
        "--day",
        type=dt.date.fromisoformat,
        default=dt.datetime.now(dt.UTC).date(),
        help="the delivery day, YYYY-MM-DD; default: today in UTC",
    )
    for name, what in (
        ("quarantine", "export the rejected rows of a day to a CSV file"),
        ("repair", "upload corrected rows in place of the rejected ones"),
    ):
        command = commands.add_parser(name, help=what)
        command.add_argument("day", help="the delivery day, YYYY-MM-DD")
        command.add_argument("file", type=Path, help="the CSV file")
        command.add_argument("--dataset", choices=DELIVERED, default="orders", help="default: orders")
        if name == "quarantine":
            command.add_argument("--run", help="a run with a closed gate; default: the published day")
    return parser


def _read_path(text: str) -> Path | None:
    """A path with `~` expanded. Without a path, make passes an empty text."""
    return Path(text).expanduser().resolve() if text else None


def _run_command(options: argparse.Namespace) -> None:
    module, function, *names = COMMANDS[options.command]
    run = getattr(importlib.import_module(f"include.local.{module}"), function)
    run(*(getattr(options, name) for name in names))


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Treat SIGTERM like Ctrl-C, so that started processes are stopped."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
