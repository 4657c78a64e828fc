"""Compares a publication with the one that it replaces: the field `correction` of the manifest."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.contract import ORDERS
from include.manifest import (
    Candidate,
    ChangedRows,
    Correction,
    Manifest,
    Output,
    compare_inputs,
)
from include.publishing.published_day import ManifestVersion
from include.s3.objects import download_file, is_missing
from include.scratch import scratch_folder

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

log = logging.getLogger(__name__)

_MEMORY_LIMIT = "500MB"
_THREADS = 2


def find_correction(hook: "S3Hook", published: ManifestVersion, candidate: Candidate) -> Correction | None:
    """Compare the staged day with the published one; None if the day was never published.

    Call this before anything of the day is replaced.
    """
    previous = published.manifest
    if previous is None:
        return None
    if (previous["run_id"], previous["started_at"]) == (candidate.run_id, candidate.started_at):
        # A retry after the manifest was written. Earlier releases wrote no correction.
        return previous.get("correction")
    staged_key = candidate.transformed["staged"]["orders.parquet"]
    orders = _compare_published(hook, previous["outputs"]["orders"], staged_key)
    return describe_correction(previous, published.version_id, candidate, orders)


def describe_correction(
    previous: Manifest, version_id: str | None, candidate: Candidate, orders: ChangedRows | None
) -> Correction:
    """`version_id` is that of the previous manifest."""
    return {
        "run_id": previous["run_id"],
        "manifest_version": version_id,
        "published_at": previous["published_at"],
        "inputs": compare_inputs(previous["inputs"], candidate.extracted["inputs"]),
        "orders": orders,
        "total_price": {"before": previous["total_price"], "after": candidate.counts["total_price"]},
    }


def _compare_published(hook: "S3Hook", published: Output, staged_key: str) -> ChangedRows | None:
    from botocore.exceptions import ClientError

    with scratch_folder("correction") as folder:
        before, after = folder / "before.parquet", folder / "after.parquet"
        try:
            # By version: an earlier try of this run may have replaced the object.
            download_file(hook, published["key"], before, version_id=published["version_id"])
        except ClientError as error:
            if not is_missing(error):
                raise
            log.warning("The previous version of %s is gone: cannot count the changes", published["key"])
            return None
        download_file(hook, staged_key, after)
        return compare_orders(before, after, folder)


def compare_orders(before: Path, after: Path, scratch: Path) -> ChangedRows:
    """Count the differing rows of two Parquet files of published orders, joined on the key of orders.

    A row is altered if a column that both files have differs. DuckDB spills to `scratch`.
    """
    import duckdb
    import pyarrow.parquet as pq

    columns = [name for name in pq.read_schema(after).names if name in pq.read_schema(before).names]
    # A file that is older than the declaration of a key column does not have it.
    is_same_key = " AND ".join(
        f'b."{name}" IS NOT DISTINCT FROM a."{name}"' for name in ORDERS.key_columns if name in columns
    )
    key = f'"{ORDERS.id_column}"'
    differs = " OR ".join(f'b."{name}" IS DISTINCT FROM a."{name}"' for name in columns)
    config: dict[str, Any] = {
        "memory_limit": _MEMORY_LIMIT,
        "threads": _THREADS,
        "temp_directory": str(scratch / "spilled"),
    }
    query = f"""
        SELECT count(*) FILTER (b.{key} IS NULL),
               count(*) FILTER (a.{key} IS NULL),
               count(*) FILTER (b.{key} IS NOT NULL AND a.{key} IS NOT NULL AND ({differs}))
        FROM before AS b FULL OUTER JOIN after AS a ON {is_same_key}
    """  # noqa: S608  # the names are columns of the contract
    with duckdb.connect(config=config) as connection:
        connection.read_parquet(str(before)).create_view("before")
        connection.read_parquet(str(after)).create_view("after")
        added, removed, altered = connection.execute(query).fetchall()[0]
    return {"added": added, "removed": removed, "altered": altered}
