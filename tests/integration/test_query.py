"""`make query` on the real store: every published day, in the version that its manifest names."""

import datetime as dt
import io
import os
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from include import keys
from include.keys import Layout
from include.local.errors import LocalError
from include.local.query import PublishedTables, _prompt
from include.local.session import StoreAccess, open_store
from include.local.settings_file import make_aws_config
from include.local.stack import Stack
from include.local.state import PROJECT
from include.local.storage import connect, create_buckets
from include.s3.objects import head_object, upload_file, write_json
from tests.integration.own_store import OwnStore, run_own_store

LAYOUT = Layout()
GUIDE = PROJECT / "docs/query.md"
FIRST, SECOND = "2026-11-20", "2026-11-21"


def publish(store: StoreAccess, folder: Path, day: str, tables: dict[str, pa.Table]) -> None:
    """Publish tables and a manifest, as a run would."""
    outputs = {}
    for name, table in tables.items():
        url = keys.quarantine(LAYOUT, day, "orders") if "/" in name else keys.published(LAYOUT, day, name)
        put_table(store, folder, url, table)
        outputs[name] = {**head_object(store.client, url), "rows": len(table)}
    write_json(store.client, {"day": day, "outputs": outputs}, keys.manifest(LAYOUT, day))


def put_table(store: StoreAccess, folder: Path, url: str, table: pa.Table) -> None:
    path = folder / "table.parquet"
    pq.write_table(table, path)
    upload_file(store.client, path, url)


def make_orders(*order_ids: str, day: str | None = None) -> pa.Table:
    prices = pa.array([Decimal("9.9900")] * len(order_ids), pa.decimal128(38, 4))
    columns: dict[str, Any] = {"order_id": order_ids, "quantity": [2] * len(order_ids), "total_price": prices}
    if day:
        columns["day"] = [dt.date.fromisoformat(day)] * len(order_ids)
    return pa.table(columns)


@pytest.fixture(scope="module")
def own_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnStore]:
    with run_own_store(tmp_path_factory.mktemp("store")) as store:
        create_buckets(store.hook(), LAYOUT)
        yield store


@pytest.fixture(scope="module")
def published(own_store: OwnStore, tmp_path_factory: pytest.TempPathFactory) -> StoreAccess:
    """Two days: the first from before tables had a column `day`."""
    store, folder = StoreAccess(connect(own_store.owner), LAYOUT), tmp_path_factory.mktemp("tables")
    rejected = pa.table({"order_id": ["O9"], "reasons": [["quantity_missing"]]})
    publish(store, folder, FIRST, {"orders": make_orders("O1", "O2")})
    publish(store, folder, SECOND, {"orders": make_orders("O3", day=SECOND), "quarantine/orders": rejected})
    # Another run has replaced the table and not yet the manifest.
    put_table(store, folder, keys.published(LAYOUT, SECOND, "orders"), make_orders("O3", "O4", day=SECOND))
    return store


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        pytest.param(
            "SELECT day, order_id FROM orders ORDER BY ALL",
            f"day,order_id\n{FIRST},O1\n{FIRST},O2\n{SECOND},O3\n",
            id="versions of the manifests",
        ),
        pytest.param(
            "SELECT count(*) AS orders FROM ORDERS WHERE day = '2026-11-21'", "orders\n1\n", id="one day"
        ),
        pytest.param(
            "SELECT day, order_id, reasons[1] AS reason FROM quarantine_orders",
            f"day,order_id,reason\n{SECOND},O9,quantity_missing\n",
            id="quarantine",
        ),
    ],
)
def test_query_reads_every_published_day(published: StoreAccess, tmp_path: Path, sql: str, rows: str) -> None:
    out = tmp_path / "result.csv"

    PublishedTables(published, tmp_path / "cache").run(sql, out)

    assert out.read_text() == rows


def test_result_is_written_as_parquet(published: StoreAccess, tmp_path: Path) -> None:
    out = tmp_path / "result.parquet"

    PublishedTables(published, tmp_path / "cache").run("SELECT quantity FROM orders", out)

    assert pq.read_table(out).to_pydict() == {"quantity": [2, 2, 2]}


def test_result_is_printed_with_its_types(
    published: StoreAccess, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    PublishedTables(published, tmp_path).run("SELECT day, quantity FROM orders LIMIT 1")

    printed = capsys.readouterr().out
    assert "date" in printed
    assert "int64" in printed


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT nothing FROM orders", '"nothing" not found'),
        ("SELEC 1", "syntax error"),
        ("SELECT * FROM customers", "No published day has customers"),
    ],
)
def test_wrong_sql_says_why(published: StoreAccess, tmp_path: Path, sql: str, message: str) -> None:
    with pytest.raises(LocalError, match=message):
        PublishedTables(published, tmp_path).run(sql)


def test_prompt_goes_on_after_an_error(
    published: StoreAccess,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("SELEC;\nSELECT count(*) AS counted\nFROM orders;\n"))

    _prompt(PublishedTables(published, tmp_path))

    printed = capsys.readouterr()
    assert "syntax error" in printed.err
    assert "counted" in printed.out


def test_recipes_of_the_guide_read_the_version_of_the_manifest(
    published: StoreAccess, own_store: OwnStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "aws_config"
    config.write_text(make_aws_config(own_store.owner))
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    setup, *recipes, on_arrow = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(setup, names)  # noqa: S102 - what people are told to run

    counts = []
    for recipe in recipes:
        exec(recipe, names)  # noqa: S102
        counts.append(len(names["orders"]))
    exec(on_arrow, names)  # noqa: S102

    assert counts == [1, 1, 1]
    assert names["revenue"] == [(Decimal("9.9900"),)]


def test_recipe_for_athena_is_sql() -> None:
    (sql,) = re.findall(r"```sql\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    orders = "CREATE TABLE orders AS SELECT '2026-11-21' AS dt, 'FR' AS customer_country, 5 AS total_price"

    result = duckdb.connect().execute(orders).execute(sql).fetchall()

    assert result == [("2026-11-21", "FR", 5)]


def test_outdated_copies_are_removed(published: StoreAccess, tmp_path: Path) -> None:
    PublishedTables(published, tmp_path).run("SELECT * FROM orders")
    outdated = tmp_path / "published/orders/day=2026-11-20/erased.parquet"
    outdated.write_bytes(b"a corrected or erased version")
    kept = {path for path in tmp_path.rglob("*.parquet") if path != outdated}

    PublishedTables(published, tmp_path)

    assert set(tmp_path.rglob("*.parquet")) == kept


def test_stopped_store_is_started_for_the_query(tmp_path: Path) -> None:
    with run_own_store(tmp_path / "state") as own:
        create_buckets(own.hook(), LAYOUT)
        store = StoreAccess(connect(own.owner), LAYOUT)
        publish(store, tmp_path, FIRST, {"orders": make_orders("O1")})

    with open_store(Stack(tmp_path / "state")) as stopped:
        PublishedTables(stopped, tmp_path / "cache").run("SELECT order_id FROM orders", tmp_path / "o.csv")

    assert pa_csv.read_csv(tmp_path / "o.csv").to_pydict() == {"order_id": ["O1"]}


def test_nothing_stored_yet_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="make run"), open_store(Stack(tmp_path / "state")):
        pass
