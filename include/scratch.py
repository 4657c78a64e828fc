"""Temporary folders on the worker's disk that do not outlive a killed process for long.

A process holds a lock on its folder; the operating system releases it however the process ends. Each new
folder first removes the unlocked ones.
"""

import fcntl
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)

_PREFIX = "ecommerce-scratch-"


@contextmanager
def scratch_folder(purpose: str) -> Iterator[Path]:
    """An empty folder, deleted when the context ends."""
    # Between its creation and its lock, a folder would look abandoned to another process.
    with _locked(_open_lock_file()):
        _remove_abandoned()
        folder = tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{purpose}-")
        lock = os.open(folder.name, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        with folder:
            yield Path(folder.name)
    finally:
        os.close(lock)


def _open_lock_file() -> int:
    path = Path(tempfile.gettempdir(), f"ecommerce-{os.getuid()}.lock")
    return os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)


@contextmanager
def _locked(file: int) -> Iterator[None]:
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def _remove_abandoned() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if _is_abandoned(folder):
            # A failed removal must not fail this task.
            shutil.rmtree(folder, ignore_errors=True)
            log.info("Removed %s of a killed process", folder)


def _is_abandoned(folder: Path) -> bool:
    """Whether the folder is ours, unlocked, and not being deleted by its owner."""
    try:
        file = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
    except (FileNotFoundError, PermissionError):
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A folder that was removed after it was opened has no links left.
        return os.fstat(file).st_uid == os.getuid() and os.fstat(file).st_nlink > 0
    except BlockingIOError:
        return False
    finally:
        os.close(file)
