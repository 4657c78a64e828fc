"""The keys of everything in S3."""

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include import keys
from include.keys import Layout

LAYOUT = Layout()
DAY = "2026-11-21"
RUN = "scheduled__2026-11-21T00:00:00+00:00"


def test_default_keys_are_stable() -> None:
    found = {
        "raw": keys.raw(LAYOUT, DAY, "orders"),
        "snapshot": keys.snapshot(LAYOUT, DAY, RUN, "orders"),
        "staged": keys.staged(LAYOUT, DAY, RUN, "orders.parquet"),
        "published": keys.published(LAYOUT, DAY, "orders"),
        "quarantine": keys.quarantine(LAYOUT, DAY, "orders"),
        "repair": keys.repair(LAYOUT, DAY, "orders"),
        "late": keys.late(LAYOUT, DAY, RUN, "customers"),
        "manifest": keys.manifest(LAYOUT, DAY),
        "alerts": keys.alerts(LAYOUT, DAY),
        "docs": keys.docs(LAYOUT, "index.html"),
    }

    assert found == {
        "raw": "s3://ecommerce-raw/2026-11-21/orders.csv",
        "snapshot": "s3://ecommerce-curated/snapshots/2026-11-21/scheduled__2026-11-21T00-00-00-00-00/orders.csv",
        "staged": "s3://ecommerce-curated/staged/2026-11-21/scheduled__2026-11-21T00-00-00-00-00/orders.parquet",
        "published": "s3://ecommerce-curated/orders/dt=2026-11-21/orders.parquet",
        "quarantine": "s3://ecommerce-curated/quarantine/orders/dt=2026-11-21/orders.parquet",
        "repair": "s3://ecommerce-curated/repairs/dt=2026-11-21/orders.csv",
        "late": "s3://ecommerce-curated/late/2026-11-21/scheduled__2026-11-21T00-00-00-00-00/customers.parquet",
        "manifest": "s3://ecommerce-curated/manifests/dt=2026-11-21.json",
        "alerts": "s3://ecommerce-curated/alerts/dt=2026-11-21.json",
        "docs": "s3://ecommerce-quality/docs/index.html",
    }


@pytest.mark.parametrize(
    ("template", "key", "pattern"),
    [
        ("{day}/{dataset}.csv", "2026-11-21/orders.csv", "????-??-??/orders.csv"),
        ("in/{dataset}/{day:%Y/%m/%d}.csv", "in/orders/2026/11/21.csv", "in/orders/????/??/??.csv"),
        ("{dataset}_{day:%Y%m%d}.CSV.GZ", "orders_20261121.CSV.GZ", "orders_????????.CSV.GZ"),
        ("{day:%d-%b-%Y}/{dataset}.csv", "21-Nov-2026/orders.csv", "??-*-????/orders.csv"),
        ("{day:%Y}/{day:%-j}/{dataset}.csv", "2026/325/orders.csv", "????/*/orders.csv"),
    ],
)
def test_raw_keys_take_any_form_of_date(template: str, key: str, pattern: str) -> None:
    layout = dataclasses.replace(LAYOUT, raw_key_template=template)

    assert keys.raw(layout, DAY, "orders") == f"s3://ecommerce-raw/{key}"
    assert keys.raw_pattern(layout, "orders") == f"s3://ecommerce-raw/{pattern}"


@pytest.mark.parametrize("suffix", [".gz", ".GZ"])
def test_snapshot_of_a_compressed_file_keeps_its_suffix(suffix: str) -> None:
    layout = dataclasses.replace(LAYOUT, raw_key_template="in/{dataset}/{day}.csv" + suffix)

    assert keys.snapshot(layout, DAY, "run", "orders").endswith("/orders.csv.gz")


@pytest.mark.parametrize(
    "run",
    [
        "scheduled__2026-11-21T00:00:00+00:00",
        "manual__2026-11-21T10:00:00.123456+00:00_AbC",
        "correction__2026-11-21__0123456789abcdef",
    ],
)
def test_usual_run_ids_stay_readable_in_keys(run: str) -> None:
    assert keys.safe(run) == run.replace(":", "-").replace("+", "-")


def test_different_run_ids_never_share_a_key() -> None:
    runs = [
        *("..", "-.", ".", "-", "../x", "..-x", "a/b", "a-b", "a b", "a:b", "é%20", "--20"),
        "scheduled__2026-11-21T00:00:00+00:00",
        "scheduled__2026-11-21T00-00-00-00-00",
        "scheduled__2026-11-21T00:00:00-00:00",
        "2026-11-21T00:00:00+00:00_2026-11-21T00-00-00-00-00",
        "2026-11-21T00-00-00-00-00_2026-11-21T00:00:00+00:00",
    ]
    runs += [keys.safe(run) for run in runs if "~" in keys.safe(run)]

    assert len({keys.safe(run) for run in runs}) == len(runs)


@given(st.text(max_size=40))
def test_run_id_cannot_leave_its_folder(run: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.~-]*|", keys.safe(run))
