"""Run an Airflow command in a fork of this process, which has already imported Airflow."""

import importlib
import os
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

#: The modules whose `main` reads its arguments from the command line.
_PROGRAMS = {"airflow": "airflow.__main__", "uvicorn": "uvicorn.main"}


def fork_command(words: list[str], log: Path, environment: Mapping[str, str]) -> int:
    """Run a command of Airflow or uvicorn in a child process. Returns its process id."""
    run = find_program(words[0])
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        # Python warns about forking with threads. OpenBLAS and jemalloc own them and handle forks.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        _become_command(words, log, environment)
        run()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - a forked child must never continue with its parent's code
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def find_program(name: str) -> Callable[[], object]:
    """The entry point of a program."""
    entry: Callable[[], object] = importlib.import_module(_PROGRAMS[name]).main
    return entry


def _become_command(words: list[str], log: Path, environment: Mapping[str, str]) -> None:
    """Set arguments, environment, streams and signal handlers as in a new process."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = words
    os.environ.update(environment)
    # Python caches it.
    tempfile.tempdir = None
    with Path(os.devnull).open("rb") as nothing, log.open("ab") as file:
        os.dup2(nothing.fileno(), 0)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
