"""How the memory of the large arrays that batches are made of is kept."""

import ctypes

# The numbers of options of glibc's mallopt, and the most that it takes for the first.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_ARRAY_BYTES = 32 * 1024 * 1024
_KEPT_BYTES = 512 * 1024 * 1024


def keep_freed_memory() -> None:
    """Let the process keep the memory of freed arrays for the next ones, where the C library is glibc.

    Otherwise it gives them back to the system at once, and fetching the pages again, one fault after the
    other, takes longer than the work on them, and lets the other threads wait.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(_MMAP_THRESHOLD, _LARGEST_ARRAY_BYTES)
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
