"""Spark and the engine on one machine make the same of the same files, row by row."""

import dataclasses
import datetime as dt
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include import keys
from include.config import Settings
from include.contract import DATASETS
from include.contract.model import LATE
from include.errors import PipelineError
from include.extract import extract
from include.generate import generate
from include.local.storage import upload_raw_files
from include.manifest import Extracted, Transformed, digest_inputs
from include.operators.glue import make_arguments, read_result
from include.s3.objects import download_file, head_object, upload_file
from include.sample_data.dirty_rows import list_written
from include.spark import job
from include.spark.transform_day import Sizes, transform_day
from include.transform import transform
from tests import cases
from tests.integration.own_store import OwnStore
from tests.raw_files import complete_day, make_orders

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SETTINGS = Settings()
LAYOUT = SETTINGS.layout
ORDERS = 1_000_000
#: So many fields do the lines below have, when they are whole.
COLUMNS = 8
#: What makes records hard to find and rows hard to tell apart; spread over the whole file.
ODD_LINES = (
    'M{n},C-000001,P-00001,2026-11-21T10:00:00Z,,2,9.99,"two\nlines, ""quoted"""{more}',
    'M{n},C-000001,P-00001,2026-11-21T10:00:00Z,,2,9.99,"ended\r\nby CRLF\n\n\nand blank lines"{more}\r',
    'M{n},C-000001,P-00001,2026-11-21T10:00:00Z,,2,9.99,"never closed',
    'M{n},"C-000001"x,P-00001,2026-11-21T10:00:00Z,,2,9.99,text behind a quote{more}',
    "M{n},C-000001",
    "",
    ",C-000001,P-00001,2026-11-21T10:00:00Z,,2,9.99,an id that is missing{more}",
    ",C-000001,P-00001,2026-11-21T10:00:00Z,,2,9.99,an id that is missing {n}{more}",
    "SAME,C-000001,P-00001,2026-11-21T10:00:00Z,,2,9.99,the same row far away{more}",
    "SAME-ID,C-000001,P-00001,2026-11-21T10:00:00Z,,2,9.99,the same id far away {n}{more}",
    "LATE{n},C-LATE,P-LATE,2026-11-21T10:00:00Z,,2,9.99,both arrived on a later day{more}",
    "NEVER{n},C-NEVER,P-LATE,2026-11-21T10:00:00Z,,2,9.99,one never did{more}",
    "HUGE{n},C-000001,P-00001,2026-11-21T10:00:00Z,,999999999999999999,99999999999999.9999,many digits{more}",
    "ÄÖ{n},C-000001,P-00001,2026-11-21 10:00:00+02:00,2026-11-25,2,9.99,名前{more}\r",
)
#: Of each, one that the day has itself.
LATE_ROWS = {
    "customers": {"customer_id": ["C-000001", "C-LATE"], "country": ["XX", "NO"], "city": ["Nowhere", None]},
    "products": {"product_id": ["P-LATE", "P-00001"], "name": ["late", "never"], "category": ["a", "b"]},
}


@pytest.fixture(scope="module")
def raw_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A dirty day, with odd lines in between."""
    folder = tmp_path_factory.mktemp("raw")
    generate(dt.date(2026, 11, 21), folder, orders=ORDERS, customers=20_000, products=2_000)
    orders = folder / "orders.csv"
    lines = orders.read_text().splitlines(keepends=True)
    odd = (make_odd_line(n, ODD_LINES[n % len(ODD_LINES)]) + "\n" for n in itertools.count())
    spread = (line if number % 97 else line + next(odd) for number, line in enumerate(lines))
    orders.write_text("".join(spread) + make_odd_line("last", ODD_LINES[0]), newline="")
    return {name: folder / f"{name}.csv" for name in DATASETS}


def make_odd_line(n: int | str, line: str) -> str:
    """A contract may have gained columns at its end: these stay empty."""
    return line.format(n=n, more="," * (len(list_written(DATASETS["orders"])) - COLUMNS))


_days = (f"2026-05-{number:02}" for number in itertools.count(1))


@pytest.fixture
def day() -> str:
    """A day that no other test uses."""
    return next(_days)


def deliver(store: OwnStore, day: str, files: Mapping[str, Path], settings: Settings = SETTINGS) -> Extracted:
    upload_raw_files(store.hook(), settings.layout, day, dict(files))
    return extract(store.hook(), settings, day, "run 1")


def add_late_rows(store: OwnStore, extracted: Extracted, folder: Path) -> Extracted:
    """As if a later day had brought customers and products that the day's orders name."""
    inputs = dict(extracted["inputs"])
    for name, rows in LATE_ROWS.items():
        url = keys.late(LAYOUT, extracted["day"], extracted["run_id"], name)
        pq.write_table(pa.table(rows), folder / "late.parquet")
        upload_file(store.hook(), folder / "late.parquet", url)
        state = head_object(store.hook(), url)
        inputs[LATE + name] = {**state, "snapshot_key": url, "snapshot_etag": state["etag"]}
    return {**extracted, "inputs": inputs}


def run_spark(session: "SparkSession", extracted: Extracted, **sizes: Any) -> Transformed:
    staged = keys.staged(LAYOUT, extracted["day"], "spark", "")
    return transform_day(session, extracted, staged, Sizes(batch_bytes=1 << 20, **sizes))


def read_tables(store: OwnStore, transformed: Transformed, folder: Path) -> Iterator[tuple[str, Any]]:
    for name, url in sorted(transformed["staged"].items()):
        download_file(store.hook(), url, folder / name)
        yield name, pq.read_table(folder / name)


def read_metadata(store: OwnStore, url: str) -> dict[str, str]:
    bucket, key = store.hook().parse_s3_url(url)
    metadata: dict[str, str] = store.client("s3").head_object(Bucket=bucket, Key=key)["Metadata"]
    return metadata


def assert_same(store: OwnStore, extracted: Extracted, found: Transformed, folder: Path) -> None:
    expected = transform(store.hook(), SETTINGS, extracted)
    assert found["counts"] == expected["counts"]
    assert found["staged"].keys() == expected["staged"].keys()
    made_from = {read_metadata(store, url)["made-from"] for url in found["staged"].values()}
    assert made_from == {digest_inputs(extracted["inputs"])}
    tables = zip(
        read_tables(store, found, folder / "found"),
        read_tables(store, expected, folder / "expected"),
        strict=True,
    )
    for (name, table), (_, expected_table) in tables:
        assert table.schema == expected_table.schema, name
        assert table.equals(expected_table), name


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param({"range_bytes": 4 << 20}, id="dimensions in memory"),
        pytest.param({"range_bytes": 5_432_109, "lookup_bytes": 0}, id="dimensions joined"),
    ],
)
def test_spark_and_one_machine_write_the_same_rows(
    session: "SparkSession",
    store: OwnStore,
    raw_files: dict[str, Path],
    day: str,
    tmp_path: Path,
    sizes: dict[str, int],
) -> None:
    extracted = add_late_rows(store, deliver(store, day, raw_files), tmp_path)

    found = run_spark(session, extracted, **sizes)

    assert_same(store, extracted, found, tmp_path)
    rows = found["counts"]["rows"]["orders"]
    assert rows["published"] > ORDERS * 0.9
    assert min(rows["quarantined"], rows["duplicates"], found["counts"]["undelivered"]) > 500
    orders = pq.read_table(
        tmp_path / "found" / "orders.parquet",
        columns=["order_id", "customer_country", "customer_city", "product_name"],
        filters=[("customer_id", "in", ["C-LATE", "C-NEVER"])],
    ).to_pylist()
    assert {row["order_id"][:4] for row in orders} == {"LATE"}
    assert {tuple(row.values())[1:] for row in orders} == {("NO", None, "late")}


def write_small_day(folder: Path, orders: str) -> dict[str, Path]:
    paths = {name: folder / f"{name}.csv" for name in DATASETS}
    for name, text in complete_day({"orders": orders}).items():
        paths[name].write_text(str(text), encoding="latin-1")
    return paths


def test_spark_reads_what_real_shops_write(
    session: "SparkSession", store: OwnStore, day: str, tmp_path: Path
) -> None:
    texts = {"customers": cases.CUSTOMERS, "products": cases.PRODUCTS, "orders": cases.write_all()}
    for name, text in texts.items():
        (tmp_path / f"{name}.csv").write_text(text, newline="")
    extracted = deliver(store, day, {name: tmp_path / f"{name}.csv" for name in DATASETS})

    for lookup_bytes in (0, 1 << 20):
        found = run_spark(session, extracted, range_bytes=500, lookup_bytes=lookup_bytes)

        assert found["counts"]["malformed"]["orders"] == cases.MALFORMED
        assert_same(store, extracted, found, tmp_path)


def test_job_result_equals_the_task_result(
    session: "SparkSession", store: OwnStore, day: str, tmp_path: Path
) -> None:
    zipped = dataclasses.replace(LAYOUT, raw_key_template="zipped/{day}/{dataset}.csv.gz")
    settings = dataclasses.replace(SETTINGS, layout=zipped)
    extracted = deliver(store, day, write_small_day(tmp_path, make_orders(1_000, 7)), settings)

    job.main([word for pair in make_arguments(settings, extracted).items() for word in pair])

    found = read_result(store.hook(), settings, extracted)
    assert found["counts"]["rows"]["orders"]["published"] == 1_000
    assert_same(store, {**extracted, "run_id": "on one machine"}, found, tmp_path)


def test_job_error_reaches_the_task_and_nothing_is_staged(
    session: "SparkSession", store: OwnStore, day: str, tmp_path: Path
) -> None:
    orders = make_orders(1_000) + "O,C1,P1,1,1,2026-11-21,,caf\xe9\n"
    extracted = deliver(store, day, write_small_day(tmp_path, orders))

    job.main([word for pair in make_arguments(SETTINGS, extracted).items() for word in pair])

    with pytest.raises(PipelineError, match=r"orders\.csv \(line 1002\): not UTF-8 text \(byte 0xe9\)"):
        read_result(store.hook(), SETTINGS, extracted)
    staged = store.client("s3").list_objects_v2(Bucket=LAYOUT.curated_bucket, Prefix=f"staged/{day}/")
    assert [found["Key"].rpartition("/")[2] for found in staged["Contents"]] == [
        f"transformed-{digest_inputs(extracted['inputs'])}.json"
    ]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        pytest.param(
            {"snapshot_key": "s3://ecommerce-curated/gone"}, "gone is gone: ecommerce_cleanup removed"
        ),
        pytest.param({"snapshot_etag": "another"}, "is gone: .* this task belongs to the earlier try"),
    ],
    ids=["cleaned up", "extracted again"],
)
def test_a_snapshot_that_is_not_the_one_pinned_is_named(
    session: "SparkSession", store: OwnStore, day: str, tmp_path: Path, changed: Any, message: str
) -> None:
    extracted = deliver(store, day, write_small_day(tmp_path, make_orders(10)))
    extracted["inputs"]["orders"] |= changed

    job.main([word for pair in make_arguments(SETTINGS, extracted).items() for word in pair])

    with pytest.raises(PipelineError, match=message):
        read_result(store.hook(), SETTINGS, extracted)
