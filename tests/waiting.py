"""Wait for another process by polling, never for a fixed time."""

import time
from collections.abc import Callable, Collection
from typing import TypeVar

T = TypeVar("T")
_POLL_SECONDS = 0.2


def wait_until(read: Callable[[], T], wanted: Collection[object], seconds: float) -> T:
    """Poll until the value is one of those wanted. Returns it."""
    end = time.monotonic() + seconds
    while (value := read()) not in wanted:
        assert time.monotonic() < end, f"still {value!r} after {seconds} seconds"
        time.sleep(_POLL_SECONDS)
    return value
