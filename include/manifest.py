"""The records that travel between the stages, and the manifest of a published day.

Plain dictionaries, since they go through XCom and JSON; the names are a contract with whoever reads them.
"""

import hashlib
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import NotRequired, TypedDict

import include


class RawFile(TypedDict):
    """A raw file as a run pinned it. `written_at` is when it was delivered, by the store's clock."""

    key: str
    snapshot_key: str
    etag: str
    version_id: str | None
    bytes: int
    # Manifests of the first release lack it.
    written_at: NotRequired[str]


class RowCounts(TypedDict):
    """read = published + quarantined + duplicates."""

    read: int
    published: int
    quarantined: int
    duplicates: int


class Drift(TypedDict):
    unknown_columns: list[str]


class Quality(TypedDict):
    """The verdict of the checkpoint. `failed` names each failed expectation with its column."""

    success: bool
    expectations: int
    failed: list[str]
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
    """What `extract` hands on."""

    day: str
    run_id: str
    inputs: dict[str, RawFile]


class Counts(TypedDict):
    """What the transform counted. `total_price` is text with its exact digits."""

    rows: dict[str, RowCounts]
    reasons: dict[str, dict[str, int]]
    total_price: str
    drift: dict[str, Drift]


class Transformed(TypedDict):
    """What `transform` hands on; `staged` maps names such as `quarantine/orders.parquet` to their keys."""

    counts: Counts
    staged: dict[str, str]


class Manifest(TypedDict):
    """One published day."""

    day: str
    run_id: str
    code_version: str
    started_at: str
    published_at: str
    inputs: dict[str, RawFile]
    rows: dict[str, RowCounts]
    reasons: dict[str, dict[str, int]]
    total_price: str
    quality: Quality
    outputs: dict[str, Output]
    drift: dict[str, Drift]


def format_money(amount: Decimal) -> str:
    """The exact digits, at least two places: `12.30`, `0.0001`."""
    whole, _, places = f"{amount:f}".partition(".")
    return f"{whole}.{places.rstrip('0').ljust(2, '0')}"


@cache
def code_version() -> str:
    """The release, and a digest of the pipeline's own source: equal digests mean equal code."""
    folder = Path(include.__file__).parent
    digest = hashlib.sha256()
    for source in sorted(folder.rglob("*.py")):
        digest.update(source.relative_to(folder).as_posix().encode() + b"\0" + source.read_bytes())
    return f"{include.__version__}+{digest.hexdigest()[:12]}"
