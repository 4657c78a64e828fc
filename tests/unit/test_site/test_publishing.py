"""What a validation leaves in S3."""

import datetime as dt
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from include import keys
from include.contract import DATASETS, ORDERS
from include.contract.arrow import published_schema
from include.manifest import Extracted, Transformed
from include.quality.baseline import MEASURES
from include.s3.objects import upload_file
from include.site.summary import RunSummary
from include.transform import transform_files
from include.validate import validate
from tests.memory_s3 import MemoryS3
from tests.raw_files import write_raw_files
from tests.unit.test_site.conftest import (
    LAYOUT,
    SETTINGS,
    Client,
    counting,
    fill,
    list_docs,
    make_run,
    publish,
)

if TYPE_CHECKING:
    from include.quality.checkpoint import Checked

MAIL = "ada.lovelace@example.com"
RAW = {
    "customers": f"customer_id,name,email\nC1,Ada,{MAIL}\n{MAIL},Ada,{MAIL}\n,{MAIL},{MAIL}\n",
    "products": f"product_id,name,{MAIL}\nP1,Mug,{MAIL}\n",
    "orders": (
        "order_id,customer_id,product_id,quantity,selling_price,order_date,delivery_date\n"
        "O1,C1,P1,2,9.99,2026-11-20,2026-11-22\n"
        f"{MAIL},C1,P1,1,1.00,2026-11-20,\n"
        f"O2,{MAIL},P1,{MAIL},1.00,2026-11-20,\n"
        f"O3,C1,P1,1,1.00,{MAIL},\n"
        f"O4,C1,{MAIL},1,1.00,2026-11-20,{MAIL},{MAIL}\n"
    ),
}


def validate_raw_files(s3: MemoryS3, folder: Path, day: str) -> Any:
    counts = transform_files(
        write_raw_files(folder / "raw", RAW), folder / "out", 1 << 20, dt.date.fromisoformat(day)
    )
    staged = keys.staged(LAYOUT, day, "run", "orders.parquet")
    upload_file(s3.hook, folder / "out" / "orders.parquet", staged)
    inputs: Any = {"orders": {"etag": f"etag of {day}", "bytes": 100}}
    extracted: Extracted = {"day": day, "run_id": "run", "inputs": inputs}
    transformed: Transformed = {"counts": counts, "staged": {"orders.parquet": staged}}
    return validate(s3.hook, SETTINGS, extracted, transformed)["quality"]


def test_validation_leaves_its_pages_and_no_personal_data(
    s3: MemoryS3, browser: Client, tmp_path: Path
) -> None:
    from include.quality.expectations import build_suite

    quality = validate_raw_files(s3, tmp_path, "2026-10-01")
    folder = quality["docs_key"].removeprefix(keys.docs(LAYOUT, "")).rpartition("/")[0]
    expectations = len(build_suite(day="2026-10-01").expectations) + len(MEASURES) + len(DATASETS)
    assert (quality["success"], quality["expectations"], quality["failed"]) == (True, expectations, [])
    assert sorted(list_docs(s3, "runs/2026-10-01/")) == [
        f"{folder}/{name}" for name in ("index.html", "site.css", "suite.html", "validation.html")
    ]
    pages = [*list_docs(s3, "runs/2026-10-01/"), *list_docs(s3, "summaries/2026-10-01/")]
    texts = [s3.get(keys.docs(LAYOUT, page)).decode() for page in pages]
    texts += [browser.get(url).text for url in ("/", "/days/2026-10-01", "/validations/2026-10")]
    texts.append(browser.get("/docs/reports/2026-10-01.html").text)
    for word in ("lovelace", "Lovelace", MAIL):
        assert not [text for text in texts if word in text]
    assert "quantity_invalid" in texts[-1]


def test_failed_validation_says_what_failed(s3: MemoryS3, browser: Client, tmp_path: Path) -> None:
    table = pa.Table.from_pylist(
        [dict.fromkeys(published_schema(ORDERS).names)],
        schema=pa.schema([field.with_nullable(True) for field in published_schema(ORDERS)]),
    )
    pq.write_table(table, tmp_path / "orders.parquet")
    staged = keys.staged(LAYOUT, "2026-10-02", "run", "orders.parquet")
    upload_file(s3.hook, tmp_path / "orders.parquet", staged)
    extracted, transformed = make_run("2026-10-02", "run")
    validated = validate(s3.hook, SETTINGS, extracted, {**transformed, "staged": {"orders.parquet": staged}})
    quality = validated["quality"]
    assert not quality["success"]
    assert "expect_column_values_to_not_be_null(order_id): 1 of 1 rows" in quality["failed"]
    day = browser.get("/days/2026-10-02").text
    assert "2026-10-02: rejected" in day
    assert "expect_column_values_to_not_be_null(order_id): 1 of 1 rows" in day


def test_cleared_run_keeps_the_pages_of_its_first_try(s3: MemoryS3, checked: "Checked") -> None:
    folders = {publish(s3, "2026-10-03", "same", checked) for _ in range(2)}
    assert len(folders) == 2
    assert {page.rpartition("/")[0] for page in list_docs(s3, "runs/2026-10-03/")} == folders


def test_validations_at_the_same_moment_are_all_in_the_index(
    s3: MemoryS3, browser: Client, checked: "Checked"
) -> None:
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda n: publish(s3, "2026-09-05", f"run-{n}", checked), range(10)))
    index = browser.get("/validations/2026-09").text
    assert sorted(re.findall(r'class="run-id">(run-\d)<', index)) == [f"run-{n}" for n in range(10)]


def test_thousandth_run_costs_what_the_tenth_does(s3: MemoryS3, browser: Client, checked: "Checked") -> None:
    def measure(day: str) -> tuple[Counter[str], Counter[str]]:
        with counting(s3) as adding:
            publish(s3, day, "run", checked)
        with counting(s3) as reading:
            assert 'class="run-id">run<' in browser.get(f"/validations/{day[:7]}").text
            for page in ("business", "trends"):
                assert browser.get(f"/{page}/{day}").status_code == 200
        return adding, reading

    fill(s3, dt.date(2010, 1, 1), 9)
    adding_10th, reading_10th = measure("2010-01-10")
    fill(s3, dt.date(2010, 1, 11), 990)
    adding_1000th, reading_1000th = measure("2012-09-27")
    sent = adding_10th.pop("bytes")
    assert adding_1000th.pop("bytes") <= 1.1 * sent
    assert adding_1000th == adding_10th
    assert reading_10th["GetObject"] == 9
    # The pages show five weeks and their usual ranges; what one has read, the next finds in memory.
    assert reading_1000th["GetObject"] <= 31 + 63
    assert reading_1000th["ListObjectsV2"] == reading_10th["ListObjectsV2"]


def test_summary_is_json_with_the_agreed_names(s3: MemoryS3, checked: "Checked") -> None:
    publish(s3, "2026-10-06", "scheduled__2026-10-06T00:00:00+00:00", checked)
    (page,) = list_docs(s3, "summaries/2026-10-06/")
    summary = s3.get_json(keys.docs(LAYOUT, page))
    assert set(summary) == set(RunSummary.__annotations__) - {"business"}
    assert (summary["day"], summary["run_id"]) == ("2026-10-06", "scheduled__2026-10-06T00:00:00+00:00")
    assert summary["faults"][0].startswith("orders: 10 of 100 rows were rejected (10.0%, allowed 5.0%)")
