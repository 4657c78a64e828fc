"""Random numbers that are the same on every machine.

Integer arithmetic on the bit stream of PCG64, which numpy guarantees to keep.
"""

import zlib
from dataclasses import dataclass

import numpy as np

from include.sample_data.columns import Numbers


@dataclass(frozen=True)
class SeededRandom:
    """Random whole numbers. Each use has its own stream, and a longer draw starts like a shorter one."""

    seed: int
    place: str = ""

    def at(self, place: object) -> "SeededRandom":
        return SeededRandom(self.seed, f"{self.place}{place}/")

    def integers(self, use: str, size: int, below: int | Numbers) -> Numbers:
        bits = np.random.PCG64([self.seed, zlib.crc32((self.place + use).encode())]).random_raw(size)
        return (bits % np.asarray(below, dtype=np.uint64)).astype(np.int64)

    def pick(self, use: str, size: int, weights: Numbers) -> Numbers:
        """Random positions in `weights`, in proportion to the weights."""
        bounds = np.cumsum(weights)
        places: Numbers = np.searchsorted(bounds, self.integers(use, size, int(bounds[-1])), side="right")
        return places
