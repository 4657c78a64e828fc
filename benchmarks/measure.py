"""Runs a program in a separate process and reads its time and memory from the operating system."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
_MAXRSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


class BenchmarkError(Exception):
    """A program of the benchmark failed, or its results differ from ours."""


@dataclass(frozen=True)
class Measurement:
    """Time and peak memory of one process, without its children."""

    wall_seconds: float
    processor_seconds: float
    peak_bytes: int


@dataclass(frozen=True)
class Spread:
    """The median and the range of several figures."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, figures: Iterable[float]) -> "Spread":
        known = list(figures)
        return cls(statistics.median(known), min(known), max(known))

    def show(self) -> str:
        spread = f" ({self.low:.2f} – {self.high:.2f})" if self.low < self.high else ""
        return f"{self.median:.2f}{spread}"


@dataclass(frozen=True)
class Summary:
    """Measurements of the same thing, one per round."""

    measurements: Sequence[Measurement]

    @property
    def wall_seconds(self) -> Spread:
        return Spread.of(each.wall_seconds for each in self.measurements)

    @property
    def processor_seconds(self) -> Spread:
        return Spread.of(each.processor_seconds for each in self.measurements)

    @property
    def peak_bytes(self) -> Spread:
        return Spread.of(each.peak_bytes for each in self.measurements)

    def time_ratio(self, other: "Summary") -> Spread:
        """The ratio of our wall time to the other's, round by round: a slow round slows both."""
        pairs = zip(self.measurements, other.measurements, strict=True)
        return Spread.of(own.wall_seconds / theirs.wall_seconds for own, theirs in pairs)

    def memory_ratio(self, other: "Summary") -> Spread:
        pairs = zip(self.measurements, other.measurements, strict=True)
        return Spread.of(own.peak_bytes / theirs.peak_bytes for own, theirs in pairs)

    def as_json(self) -> list[dict[str, float]]:
        return [asdict(each) for each in self.measurements]


def run_module(
    module: str, *arguments: object, environment: Mapping[str, str] | None = None
) -> tuple[Measurement, str]:
    """Run `python -m module`; returns its measurement and its standard output.

    The kernel adds the memory of the parent to the peak of a child started with vfork, so the calling process
    must stay small: do heavy work in separate processes.

    Raises
    ------
    BenchmarkError: the program failed; includes the end of its error output.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        started = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603  # our own modules
            command, stdout=output, stderr=errors, cwd=PROJECT, env={**os.environ, **(environment or {})}
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall_seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode:
            raise BenchmarkError(
                f"{' '.join(command)} ended with {process.returncode}:\n{errors.read()[-2000:]}"
            )
        return (
            Measurement(wall_seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _MAXRSS_UNIT_BYTES),
            output.read(),
        )
