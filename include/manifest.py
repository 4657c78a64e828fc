"""The records that travel between the stages, and the manifest of a published day.

Dictionaries, where they go through XCom and JSON; the names are a contract with whoever reads them.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import include


class RawFile(TypedDict):
    """A raw file as a run pinned it. `written_at` is when it was delivered, by the store's clock."""

    key: str
    snapshot_key: str
    etag: str
    version_id: str | None
    bytes: int
    # Manifests of the first release lack both.
    written_at: NotRequired[str]
    snapshot_etag: NotRequired[str]


class PartlyUsed(RawFile):
    """An input of which a run uses some rows: repairs, late customers and late products."""

    rows: int


class RowCounts(TypedDict):
    """read = published + quarantined + duplicates."""

    read: int
    published: int
    quarantined: int
    duplicates: int


class Drift(TypedDict):
    unknown_columns: list[str]


class Quality(TypedDict):
    """The verdict of the checkpoint; each list has a line for an expectation.

    Only `failed` closes the gate. `skipped` are those that had nothing to compare with.
    """

    success: bool
    expectations: int
    failed: list[str]
    warnings: list[str]
    skipped: list[str]
    docs_key: str


class Output(TypedDict):
    """A published object."""

    key: str
    etag: str
    version_id: str | None
    bytes: int
    rows: int
    written_at: NotRequired[str]


class Extracted(TypedDict):
    """What `extract` hands on. `pinned_at` is when it began to look at the inputs."""

    day: str
    run_id: str
    inputs: dict[str, RawFile]
    # Runs that were extracted by an earlier release lack it.
    pinned_at: NotRequired[str]


class Counts(TypedDict):
    """What the transform counted. `total_price` is text with its exact digits.

    `undelivered` counts published orders without a delivery date; manifests of earlier releases lack it.
    """

    rows: dict[str, RowCounts]
    reasons: dict[str, dict[str, int]]
    total_price: str
    undelivered: NotRequired[int]
    drift: dict[str, Drift]


class Gate(Counts):
    """What a closed gate leaves as `gate.json`. `faults` says why it is closed, a sentence each."""

    day: str
    run_id: str
    success: bool
    faults: list[str]
    quality: Quality


class Transformed(TypedDict):
    """What `transform` hands on; `staged` maps names such as `quarantine/orders.parquet` to their keys."""

    counts: Counts
    staged: dict[str, str]


class Approval(TypedDict):
    """What was decided about a red gate, and the faults that it was about.

    `by` is None where nobody answered in time.
    """

    approved: bool
    by: str | None
    at: str
    reason: str
    faults: list[str]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A day that asks to be published: what the stages of its run have handed on, and when the run began."""

    extracted: Extracted
    transformed: Transformed
    quality: Quality
    approval: Approval | None
    started_at: str

    @property
    def day(self) -> str:
        return self.extracted["day"]

    @property
    def run_id(self) -> str:
        return self.extracted["run_id"]

    @property
    def counts(self) -> Counts:
        return self.transformed["counts"]


class ChangedRows(TypedDict):
    """What a correction did to the published orders, by `order_id`."""

    added: int
    removed: int
    altered: int


class Correction(TypedDict):
    """How a publication differs from the one that it replaced.

    Parameters
    ----------
    run_id, manifest_version, published_at: name the publication that was replaced.
    inputs: what became of each input that is not the same: `added`, `removed` or `replaced`.
    orders: null when the orders published before are gone.
    total_price: `before` and `after`.
    """

    run_id: str
    manifest_version: str | None
    published_at: str
    inputs: dict[str, str]
    orders: ChangedRows | None
    total_price: dict[str, str]


class Manifest(TypedDict):
    """One published day.

    `approval` says who had it published although its gate was red; `correction` what it changed. Both are
    null for most days.
    """

    day: str
    run_id: str
    code_version: str
    started_at: str
    published_at: str
    inputs: dict[str, RawFile]
    rows: dict[str, RowCounts]
    reasons: dict[str, dict[str, int]]
    total_price: str
    undelivered: NotRequired[int]
    quality: Quality
    approval: Approval | None
    outputs: dict[str, Output]
    drift: dict[str, Drift]
    correction: Correction | None


def compare_inputs(
    before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """What became of each input whose content is not the same. Equal ETags mean equal content."""
    changes = {}
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            changes[name] = "added"
        elif name not in after:
            changes[name] = "removed"
        elif before[name]["etag"] != after[name]["etag"]:
            changes[name] = "replaced"
    return changes


def format_money(amount: Decimal) -> str:
    """The exact digits, at least two places: `12.30`, `0.0001`."""
    whole, _, places = f"{amount:f}".partition(".")
    return f"{whole}.{places.rstrip('0').ljust(2, '0')}"


def describe_counts(counts: Counts) -> list[str]:
    """A line a file: `orders: 100 read, 90 published, 8 refused, 2 duplicates (unknown_customer 8)`."""
    return [
        f"{dataset}: {rows['read']:,} read, {rows['published']:,} published, "
        f"{rows['quarantined']:,} refused, {rows['duplicates']:,} duplicates"
        f"{_describe_reasons(counts['reasons'][dataset])}"
        for dataset, rows in counts["rows"].items()
    ]


def _describe_reasons(reasons: dict[str, int]) -> str:
    found = sorted(((count, reason) for reason, count in reasons.items() if count), reverse=True)
    listed = ", ".join(f"{reason} {count:,}" for count, reason in found)
    return f" ({listed})" if listed else ""


def digest_inputs(inputs: Mapping[str, RawFile]) -> str:
    """Names what a run works on: a run that was cleared and extracted again may work on something else."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]


@cache
def code_version() -> str:
    """The release, and a digest of the pipeline's own source: equal digests mean equal code."""
    folder = Path(include.__file__).parent
    digest = hashlib.sha256()
    for source in sorted(folder.rglob("*.py")):
        digest.update(source.relative_to(folder).as_posix().encode() + b"\0" + source.read_bytes())
    return f"{include.__version__}+{digest.hexdigest()[:12]}"
