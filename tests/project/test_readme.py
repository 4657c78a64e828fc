"""The README's figures, query and size are those of the project."""

import contextlib
import datetime as dt
import io
import re
from pathlib import Path

import duckdb

from include.config import ETL_DAG_ID, Settings
from include.generate import generate
from include.local import transform_files
from include.local.stack import DEFAULT_S3_PORT, DEFAULT_UI_PORT
from include.operators.defaults import TASK_DEFAULTS
from tests.project_files import PROJECT

README = (PROJECT / "README.md").read_text()
README_DAY = dt.date(2026, 11, 21)


def test_readme_stays_short() -> None:
    assert len(README.splitlines()) <= 120


def test_readme_states_current_limits() -> None:
    text = README.replace("\n", " ")
    dag = (PROJECT / "dags" / f"{ETL_DAG_ID}.py").read_text()
    (wait_hours,) = re.findall(r"timeout=dt\.timedelta\(hours=(\d+)\)\.total", dag)

    assert f"more than {Settings().max_reject_ratio * 100:g} % of a file's rows" in text
    assert f"up to {wait_hours} hours" in text
    assert f"move the ports {DEFAULT_UI_PORT} and {DEFAULT_S3_PORT}" in text
    assert TASK_DEFAULTS["retries"] + 1 == 4
    assert "tried up to four times" in text


def test_readme_query_prints_what_is_shown(tmp_path: Path) -> None:
    raw, output = tmp_path / "raw", tmp_path / ".local" / "output" / README_DAY.isoformat()
    raw.mkdir()
    generate(README_DAY, raw)
    transform_files.main(raw, output, README_DAY)
    (query,) = re.findall(r'make query SQL="(.*?)"', README, re.DOTALL)
    connection = duckdb.connect()
    orders = connection.read_parquet(str(output / "orders.parquet"))
    orders.project(f"DATE '{README_DAY}' AS day, COLUMNS(lambda name: name <> 'day')").create_view("orders")
    printed = io.StringIO()

    with contextlib.redirect_stdout(printed):
        connection.sql(query).show()

    assert printed.getvalue().strip() in README
