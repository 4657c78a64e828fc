"""What the clean-up removes, and what it leaves."""

import datetime as dt

import pytest

from include import keys
from include.cleanup import clean_up
from include.config import Settings
from include.s3.objects import RUN_ID
from tests.memory_s3 import MemoryS3

LAYOUT, SETTINGS, DAY = Settings().layout, Settings(keep_days=14), "2026-11-01"
NOW = dt.datetime(2026, 11, 24, 3, 30, tzinfo=dt.UTC)
SNAPSHOT = f"s3://ecommerce-curated/snapshots/{DAY}/run/"
STAGED = f"s3://ecommerce-curated/staged/{DAY}/run/"


def leave(s3: MemoryS3, staged_days_ago: float = 20) -> None:
    """A run that copied its raw file 20 days ago, and staged a table later or at the same time."""
    s3.now = NOW - dt.timedelta(days=20)
    s3.put(keys.raw(LAYOUT, DAY, "orders"), "raw")
    place = {"Bucket": LAYOUT.curated_bucket, "Key": f"snapshots/{DAY}/run/orders.csv"}
    s3.put_object(**place, Body=b"raw", Metadata={RUN_ID: "run"})
    s3.now = NOW - dt.timedelta(days=staged_days_ago)
    s3.put(keys.staged(LAYOUT, DAY, "run", "orders.parquet"), "table")


@pytest.mark.parametrize(
    ("staged_days_ago", "live", "published_by", "removed"),
    [
        pytest.param(20, "", "", [STAGED, SNAPSHOT], id="dead"),
        pytest.param(13.9, "", "", [], id="something of it is new"),
        pytest.param(14.1, "", "", [STAGED, SNAPSHOT], id="all of it is old"),
        pytest.param(20, "run", "", [], id="Airflow still has it"),
        pytest.param(20, "", "run", [STAGED], id="it published the day"),
        pytest.param(20, "", "another", [STAGED, SNAPSHOT], id="another run published the day"),
    ],
)
def test_only_dead_runs_are_removed(
    s3: MemoryS3, staged_days_ago: float, live: str, published_by: str, removed: list[str]
) -> None:
    leave(s3, staged_days_ago)
    if published_by:
        s3.put_json(keys.manifest(LAYOUT, DAY), {"run_id": published_by})

    assert clean_up(s3.hook, SETTINGS, live.__eq__, NOW) == removed

    left = [url for url in (STAGED, SNAPSHOT) if s3.list_urls(url)]
    assert left == [url for url in (STAGED, SNAPSHOT) if url not in removed]
    assert s3.get(keys.raw(LAYOUT, DAY, "orders")) == b"raw"


def test_run_without_its_id_is_left_alone(s3: MemoryS3) -> None:
    s3.now = NOW - dt.timedelta(days=20)
    s3.put(keys.staged(LAYOUT, DAY, "run", "orders.parquet"), "table")

    assert clean_up(s3.hook, SETTINGS, lambda _: False, NOW) == []
