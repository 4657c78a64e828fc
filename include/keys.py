"""The S3 URLs of all objects that the pipeline reads or writes. Pure functions of a layout, a day and a run.

Locations are full URLs, `s3://bucket/key`, so that they are unambiguous in XCom and manifests.
"""

import datetime as dt
import hashlib
import re
from dataclasses import dataclass

#: The instant in a run id that Airflow generated, and its form in a key.
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?\+\d\d:\d\d")
_INSTANT_IN_KEY = re.compile(r"(?=\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?-\d\d-\d\d)")
_DIGEST_LENGTH = 16
#: The lengths of the output of numeric `strftime` directives.
_DIRECTIVE_WIDTHS = {"Y": 4, "G": 4, "j": 3, "y": 2, "m": 2, "d": 2, "V": 2, "U": 2, "W": 2, "u": 1, "w": 1}


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The buckets and prefixes of all keys. Prefixes have no slash at either end."""

    raw_bucket: str = "ecommerce-raw"
    raw_key_template: str = "{day}/{dataset}.csv"
    curated_bucket: str = "ecommerce-curated"
    quality_bucket: str = "ecommerce-quality"
    docs_prefix: str = "docs"


def raw(layout: Layout, day: str, dataset: str) -> str:
    """The object that a producer delivers. Never written by the pipeline."""
    return f"s3://{layout.raw_bucket}/{layout.raw_key_template.format(day=_Day(day), dataset=dataset)}"


def raw_pattern(layout: Layout, dataset: str) -> str:
    """The raw files of all days: `?` for each character of a date, `*` where its length varies."""
    return f"s3://{layout.raw_bucket}/{layout.raw_key_template.format(day=_AnyDay(), dataset=dataset)}"


class _Day(str):
    def __format__(self, form: str) -> str:
        return dt.date.fromisoformat(self).strftime(form) if form else str(self)


class _AnyDay:
    """Formats as a pattern of any date."""

    def __format__(self, form: str) -> str:
        return re.sub("%(-?.)", _mask_directive, form or "%Y-%m-%d")


def _mask_directive(directive: re.Match[str]) -> str:
    width = _DIRECTIVE_WIDTHS.get(directive[1])
    return "?" * width if width else "*"


def is_compressed(key: str) -> bool:
    """Whether the name of a file ends in `.gz`, in any case."""
    return key.lower().endswith(".gz")


def snapshot(layout: Layout, day: str, run: str, dataset: str) -> str:
    """The pinned copy of a raw file that one run works on; ends in `.gz` if its raw file does."""
    suffix = ".gz" if is_compressed(layout.raw_key_template) else ""
    return f"s3://{layout.curated_bucket}/snapshots/{day}/{safe(run)}/{dataset}.csv{suffix}"


def staged(layout: Layout, day: str, run: str, name: str) -> str:
    """An output of one run before the gate, such as `orders.parquet`."""
    return f"s3://{layout.curated_bucket}/staged/{day}/{safe(run)}/{name}"


def staged_day(layout: Layout, day: str) -> str:
    """The prefix of all staged objects of a day; the run follows."""
    return f"s3://{layout.curated_bucket}/staged/{day}/"


def working(layout: Layout) -> tuple[str, str]:
    """The prefixes of snapshots and staged objects; the day and the run follow."""
    return f"s3://{layout.curated_bucket}/snapshots/", f"s3://{layout.curated_bucket}/staged/"


def published(layout: Layout, day: str, dataset: str) -> str:
    """A table of one day that passed the gate."""
    return f"s3://{layout.curated_bucket}/{dataset}/dt={day}/{dataset}.parquet"


def quarantine(layout: Layout, day: str, dataset: str) -> str:
    """The rejected rows of one published day."""
    return f"s3://{layout.curated_bucket}/quarantine/{dataset}/dt={day}/{dataset}.parquet"


def repair(layout: Layout, day: str, dataset: str) -> str:
    """The file of corrected rows of one day. Never written by the pipeline."""
    return f"s3://{layout.curated_bucket}/repairs/dt={day}/{dataset}.csv"


def late(layout: Layout, day: str, run: str, dataset: str) -> str:
    """The customers or products of later days that one run uses. Kept as long as the manifest."""
    return f"s3://{layout.curated_bucket}/late/{day}/{safe(run)}/{dataset}.parquet"


def manifest(layout: Layout, day: str) -> str:
    """The record of a published day. Written last."""
    return f"s3://{layout.curated_bucket}/manifests/dt={day}.json"


def manifests(layout: Layout) -> str:
    """The common prefix of all manifests; the day and `.json` follow."""
    return manifest(layout, "").removesuffix(".json")


def alerts(layout: Layout, day: str) -> str:
    """The alerts that were sent about a day."""
    return f"s3://{layout.curated_bucket}/alerts/dt={day}.json"


def docs(layout: Layout, page: str) -> str:
    """A page or file of the data-quality site; `page` is relative to its root."""
    return f"s3://{layout.quality_bucket}/{layout.docs_prefix}/{page}"


def safe(run: str) -> str:
    """A run id as part of a key: without characters that URLs escape, and never a name such as `..`.

    Different run ids have different keys. Ids that Airflow generates and ids of only safe characters stay
    readable; the others get a digest after a `~`, which is not a safe character.
    """
    replaced = re.sub(r"^\.|[^A-Za-z0-9_.-]", "-", run)
    instants = len(_INSTANT_IN_KEY.findall(replaced))
    is_unchanged = replaced == run and instants == 0
    is_named_by_airflow = instants == 1 and replaced != run and replaced == _replace_instant(run)
    if is_unchanged or is_named_by_airflow:
        return replaced
    return f"{replaced}~{hashlib.sha256(run.encode()).hexdigest()[:_DIGEST_LENGTH]}"


def _replace_instant(run: str) -> str:
    return _INSTANT.sub(lambda instant: re.sub("[:+]", "-", instant[0]), run)
