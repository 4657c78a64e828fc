"""Where everything lies in S3. Pure functions of a layout, a day and a run; no IO.

A location is a full URL, `s3://bucket/key`: it travels through XCom and manifests unambiguously.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The buckets and prefixes that the keys are built from. Prefixes carry no slash at either end."""

    raw_bucket: str = "ecommerce-raw"
    raw_key_template: str = "{day}/{dataset}.csv"
    curated_bucket: str = "ecommerce-curated"
    quality_bucket: str = "ecommerce-quality"
    docs_prefix: str = "docs"


def raw(layout: Layout, day: str, dataset: str) -> str:
    """The object that a producer delivers. Never written by the pipeline."""
    return f"s3://{layout.raw_bucket}/{layout.raw_key_template.format(day=day, dataset=dataset)}"


def snapshot(layout: Layout, day: str, run: str, dataset: str) -> str:
    """The pinned copy of a raw file that one run works on; keeps the suffix `.gz` of its raw file."""
    compressed = ".gz" if layout.raw_key_template.endswith(".gz") else ""
    return f"s3://{layout.curated_bucket}/snapshots/{day}/{safe(run)}/{dataset}.csv{compressed}"


def staged(layout: Layout, day: str, run: str, name: str) -> str:
    """An output of one run that nobody vouches for yet, such as `orders.parquet`."""
    return f"s3://{layout.curated_bucket}/staged/{day}/{safe(run)}/{name}"


def working(layout: Layout) -> tuple[str, str]:
    """The two prefixes that hold what runs work on: snapshots and staged. Below them: day, then run."""
    return f"s3://{layout.curated_bucket}/snapshots/", f"s3://{layout.curated_bucket}/staged/"


def published(layout: Layout, day: str, dataset: str) -> str:
    """A table of one day that passed the gate."""
    return f"s3://{layout.curated_bucket}/{dataset}/dt={day}/{dataset}.parquet"


def quarantine(layout: Layout, day: str, dataset: str) -> str:
    """The rows of one published day that were refused."""
    return f"s3://{layout.curated_bucket}/quarantine/{dataset}/dt={day}/{dataset}.parquet"


def repair(layout: Layout, day: str, dataset: str) -> str:
    """Rows that a person corrected, in place of refused ones of a raw file. Never written by the pipeline."""
    return f"s3://{layout.curated_bucket}/repairs/dt={day}/{dataset}.csv"


def late(layout: Layout, day: str, run: str, dataset: str) -> str:
    """The customers or products of later days that one run uses. Kept as long as the manifest."""
    return f"s3://{layout.curated_bucket}/late/{day}/{safe(run)}/{dataset}.parquet"


def manifest(layout: Layout, day: str) -> str:
    """What vouches for a published day. Written last."""
    return f"s3://{layout.curated_bucket}/manifests/dt={day}.json"


def manifests(layout: Layout) -> str:
    """What all manifests' keys begin with: behind it come the day and `.json`."""
    return manifest(layout, "").removesuffix(".json")


def alerts(layout: Layout, day: str) -> str:
    """What people were told about a day that is in trouble."""
    return f"s3://{layout.curated_bucket}/alerts/dt={day}.json"


def docs(layout: Layout, page: str) -> str:
    """A page or file of the data-quality site; `page` is relative to its root."""
    return f"s3://{layout.quality_bucket}/{layout.docs_prefix}/{page}"


def safe(run: str) -> str:
    """A run id as part of a key: without signs that URLs escape, and never a name such as `..`."""
    return re.sub(r"^\.|[^A-Za-z0-9_.-]", "-", run)
