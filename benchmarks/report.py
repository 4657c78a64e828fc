"""The results of a benchmark, as a table and as JSON."""

import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.measure import Spread

_TOOLS = ("duckdb", "polars", "pandas", "pyarrow", "apache-airflow", "great-expectations")


@dataclass(frozen=True)
class Finding:
    """One line of the table of targets.

    Parameters
    ----------
    value: the median of this figure must not exceed `at_most`; a ratio unless there is a `unit`.
    """

    what: str
    value: Spread
    at_most: float
    unit: str = "×"

    @property
    def is_reached(self) -> bool:
        return self.value.median <= self.at_most


@dataclass
class Report:
    """The results of one run of the benchmark."""

    size: str
    findings: list[Finding] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)


def show_findings(console: Console, findings: Iterable[Finding], *, is_judged: bool) -> None:
    """Print the table. The results of small sizes are not compared with the targets."""
    table = Table("what", "measured", "target", "reached", title="Targets")
    for finding in findings:
        verdict = ("yes" if finding.is_reached else "no") if is_judged else "not judged"
        measured, target = (
            f"{finding.value.show()} {finding.unit}",
            f"at most {finding.at_most:g} {finding.unit}",
        )
        table.add_row(finding.what, measured, target, verdict)
    console.print(table)


def show_seconds(console: Console, title: str, subject: str, seconds: Mapping[str, Iterable[float]]) -> None:
    """Print the median and the range of several measurements."""
    table = Table(subject, "seconds", title=title)
    for name, durations in seconds.items():
        table.add_row(name, Spread.of(durations).show())
    console.print(table)


def write_json(report: Report, path: Path) -> None:
    content = {
        "size": report.size,
        "machine": describe_machine(),
        "findings": [{**asdict(finding), "is_reached": finding.is_reached} for finding in report.findings],
        "details": report.details,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n")


def describe_machine() -> dict[str, Any]:
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _read_processor_name(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "python": sys.version.split()[0],
        "packages": {tool: version(tool) for tool in _TOOLS},
    }


def _read_processor_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
