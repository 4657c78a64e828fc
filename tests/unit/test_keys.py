"""Where everything lies in S3."""

import dataclasses

from include import keys
from include.keys import Layout

LAYOUT = Layout()
DAY = "2026-11-21"
RUN = "scheduled__2026-11-21T00:00:00+00:00"


def test_the_default_keys_are_those_that_others_rely_on() -> None:
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


def test_the_snapshot_of_a_compressed_file_keeps_its_suffix() -> None:
    layout = dataclasses.replace(LAYOUT, raw_key_template="in/{dataset}/{day}.csv.gz")

    assert keys.raw(layout, DAY, "orders") == "s3://ecommerce-raw/in/orders/2026-11-21.csv.gz"
    assert keys.snapshot(layout, DAY, "run", "orders").endswith("/orders.csv.gz")


def test_a_run_id_cannot_leave_its_folder() -> None:
    assert [keys.safe(run) for run in ("..", "../x", ".", "a/b", "é%20")] == [
        "-.",
        "-.-x",
        "-",
        "a-b",
        "--20",
    ]
