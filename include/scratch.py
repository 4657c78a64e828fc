"""Folders for files on the worker's own disk, where a killed process leaves nothing for long.

A living process holds a lock on its folder, which ends with the process however it ends. Whoever makes a
folder first removes those of the dead.
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
    """An empty folder for as long as the context lasts."""
    # Nobody may look for dead folders between the making of one and its lock.
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
            # A task does not fail for what another one left.
            shutil.rmtree(folder, ignore_errors=True)
            log.info("Removed %s, which a killed process left", folder)


def _is_abandoned(folder: Path) -> bool:
    """Whether nobody holds a folder of ours; one that its owner removes at this moment is none."""
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
