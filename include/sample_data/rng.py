"""Chance that is the same on every machine.

Whole-number arithmetic on the bit stream of PCG64, which numpy promises to keep.
"""

import zlib
from dataclasses import dataclass

import numpy as np

from include.sample_data.columns import Numbers


@dataclass(frozen=True)
class SeededRandom:
    """Random whole numbers. Each use has a stream of its own, and a longer draw begins like a shorter one."""

    seed: int
    place: str = ""

    def at(self, place: object) -> "SeededRandom":
        return SeededRandom(self.seed, f"{self.place}{place}/")

    def integers(self, use: str, size: int, below: int | Numbers) -> Numbers:
        bits = np.random.PCG64([self.seed, zlib.crc32((self.place + use).encode())]).random_raw(size)
        return (bits % np.asarray(below, dtype=np.uint64)).astype(np.int64)

    def pick(self, use: str, size: int, weights: Numbers) -> Numbers:
        """Positions in `weights`, each as often as its weight says."""
        bounds = np.cumsum(weights)
        places: Numbers = np.searchsorted(bounds, self.integers(use, size, int(bounds[-1])), side="right")
        return places
