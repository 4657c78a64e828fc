"""The records that the stages pass on, and the manifest of a published day.

Records that go through XCom or JSON are dictionaries; their field names are a public contract.
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
from include.contract_file import find_contract_file


class RawFile(TypedDict):
    """A raw file and its copy by a run. `written_at` is the time of delivery, by the clock of the store."""

    key: str
    snapshot_key: str
    etag: str
    version_id: str | None
    bytes: int
    # Missing in manifests of the first release.
    written_at: NotRequired[str]
    snapshot_etag: NotRequired[str]


class PartlyUsed(RawFile):
    """An input of which a run uses only some rows: repairs, late customers, late products."""

    rows: int


class RowCounts(TypedDict):
    """The rows of a file; read = published + quarantined + duplicates.

    `blank` rows have only empty fields and do not count as read. Manifests of earlier releases lack `blank`.
    """

    read: int
    published: int
    quarantined: int
    duplicates: int
    blank: NotRequired[int]


class Drift(TypedDict):
    unknown_columns: list[str]


class DayInputs(TypedDict):
    """The common part of a manifest and the record of a closed gate, for which late rows are looked up."""

    day: str
    inputs: dict[str, RawFile]
    reasons: dict[str, dict[str, int]]
    outputs: "dict[str, Output]"


class Quality(TypedDict):
    """The result of the checkpoint; each list has one line per expectation.

    Only `failed` closes the gate. Expectations in `skipped` had no earlier days to compare with.
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
    """The result of `extract`. `pinned_at` is when it started to read the inputs."""

    day: str
    run_id: str
    inputs: dict[str, RawFile]
    # Missing in runs that an earlier release extracted.
    pinned_at: NotRequired[str]


class Counts(TypedDict):
    """The counts of the transform. `total_price` is text with its exact digits.

    `undelivered` counts published orders without a delivery date. `malformed` counts malformed rows by their
    fault, such as `8 fields, the header has 7`, most frequent first. `emptied` counts the invalid values that
    were removed from published rows, by column. Manifests of earlier releases lack all three.
    """

    rows: dict[str, RowCounts]
    reasons: dict[str, dict[str, int]]
    total_price: str
    undelivered: NotRequired[int]
    drift: dict[str, Drift]
    malformed: NotRequired[dict[str, dict[str, int]]]
    emptied: NotRequired[dict[str, dict[str, int]]]


class Fault(TypedDict):
    """One reason why the gate is closed. `text` describes it in a sentence.

    Parameters
    ----------
    subject: the dataset with too many rejected rows, or the name of the failed expectation.
    ratio: the share of the dataset's rows that was rejected; None for an expectation.
    reasons: the rejected rows of the dataset by reject reason; empty for an expectation.
    """

    subject: str
    text: str
    ratio: float | None
    reasons: dict[str, int]


class Approval(TypedDict):
    """A person's decision about a closed gate.

    `by` is None if nobody answered in time. `faults` are the sentences on the form; `details` are the same
    faults as records, which approvals of earlier releases lack.
    """

    approved: bool
    by: str | None
    at: str
    reason: str
    faults: list[str]
    details: NotRequired[list[Fault]]


class GateVerdict(TypedDict):
    """The gate's decision about one run. `validate` makes it once; every other task and page reads it.

    Parameters
    ----------
    faults: why the gate is closed; empty if it is open.
    approval: the approval of the published day, if it also covers these faults.
    can_be_approved: whether `approve` waits for a person.
    """

    is_open: bool
    faults: list[Fault]
    approval: Approval | None
    can_be_approved: bool


class Validated(TypedDict):
    """The result of `validate`."""

    quality: Quality
    gate: GateVerdict


class ClosedGate(Counts):
    """The content of `gate.json`, which a closed gate writes among the staged objects of the run.

    `success` is always false; `faults` are the sentences of `gate`.
    """

    day: str
    run_id: str
    success: bool
    faults: list[str]
    gate: GateVerdict
    approval: Approval | None
    inputs: dict[str, RawFile]
    quality: Quality


class Transformed(TypedDict):
    """The result of `transform`. `staged` maps names such as `quarantine/orders.parquet` to their keys."""

    counts: Counts
    staged: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A day to publish: the results of the earlier stages of its run.

    Parameters
    ----------
    approval: the result of `approve`; None if nobody was asked.
    started_at: the start of the run.
    """

    extracted: Extracted
    transformed: Transformed
    validated: Validated
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
    """The number of published orders that a correction changed, matched by the key of orders."""

    added: int
    removed: int
    altered: int


class Correction(TypedDict):
    """The differences between a publication and the one that it replaced.

    Parameters
    ----------
    run_id, manifest_version, published_at: identify the replaced publication.
    inputs: the changed inputs, each `added`, `removed` or `replaced`.
    orders: null if the previously published orders no longer exist.
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

    `approval` is null unless the faults of a closed gate were approved; `correction` is null for the first
    publication of a day.
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
    malformed: NotRequired[dict[str, dict[str, int]]]
    emptied: NotRequired[dict[str, dict[str, int]]]
    correction: Correction | None


def compare_inputs(
    before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """The changed inputs, each `added`, `removed` or `replaced`. Equal ETags mean equal content."""
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


def describe_expectations(quality: Mapping[str, Any]) -> str:
    """`33 of 37 expectations met, 4 had nothing to compare with`, from a Quality or a summary."""
    unmet = {kind: len(quality.get(kind, ())) for kind in ("failed", "warnings", "skipped")}
    skipped = f", {unmet['skipped']} had nothing to compare with" if unmet["skipped"] else ""
    total = quality["expectations"]
    return f"{total - sum(unmet.values())} of {total} expectations met{skipped}"


def rank_reasons(reasons: Mapping[str, int]) -> dict[str, int]:
    """The reject reasons that occurred, most frequent first."""
    ranked = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    return {reason: count for reason, count in ranked if count}


def suggest_inspection(reasons: Mapping[str, Mapping[str, int]]) -> list[str]:
    """What to run if most rejected rows are not written as the contract declares; empty otherwise.

    Orders that were rejected along with their customer or product do not count: those rows are the cause.
    """
    counted = [
        (reason, rows)
        for of_file in reasons.values()
        for reason, rows in of_file.items()
        if not reason.startswith("rejected_")
    ]
    unreadable = [
        rows for reason, rows in counted if reason.endswith("_invalid") or reason == "malformed_row"
    ]
    if 2 * sum(unreadable) <= sum(rows for _, rows in counted):
        return []
    wrong = "Most rejected rows are not written as the contract declares."
    return [f"{wrong} To see what to declare, run `make inspect RAW=folder`."]


def describe_counts(counts: Counts) -> list[str]:
    """One line per file: `orders: 100 read, 90 published, 8 rejected, 2 duplicates (unknown_customer 8)`."""
    return [
        f"{dataset}: {rows['read']:,} read, {rows['published']:,} published, "
        f"{rows['quarantined']:,} rejected, {rows['duplicates']:,} duplicates"
        f"{_describe_reasons(counts['reasons'][dataset])}"
        for dataset, rows in counts["rows"].items()
    ]


def _describe_reasons(reasons: Mapping[str, int]) -> str:
    listed = ", ".join(f"{reason} {count:,}" for reason, count in rank_reasons(reasons).items())
    return f" ({listed})" if listed else ""


def digest_inputs(inputs: Mapping[str, RawFile]) -> str:
    """A digest of the inputs of a run. A run that was cleared and extracted again may have other inputs."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]


@cache
def code_version() -> str:
    """The release, and a digest of the pipeline's source and contract: equal digests mean equal code."""
    folder = Path(include.__file__).parent
    digest = hashlib.sha256()
    for source in sorted(folder.rglob("*.py")):
        digest.update(source.relative_to(folder).as_posix().encode() + b"\0" + source.read_bytes())
    if contract := find_contract_file():
        digest.update(b"contract\0" + contract.read_bytes())
    return f"{include.__version__}+{digest.hexdigest()[:12]}"
