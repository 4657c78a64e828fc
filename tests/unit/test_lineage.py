"""What OpenLineage is told of a published day."""

import re
import sys
from types import ModuleType
from typing import Any

import pytest
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
from openlineage.client.serde import Serde

from include.contract import DATASETS, published_orders
from include.keys import Layout
from include.manifest import Manifest
from include.reporting import lineage
from include.reporting.lineage import describe_inputs, describe_outputs, send_lineage
from tests.records import MANIFEST

LAYOUT = Layout(docs_prefix="docs")
RED: Manifest = {
    **MANIFEST,
    "quality": {
        "success": False,
        "expectations": 20,
        "failed": ["expect_x(quantity): 3 of 100 rows"],
        "warnings": ["expect_y(volume): found 3"],
        "skipped": [],
        "docs_key": "",
    },
}


def as_event(manifest: Manifest) -> dict[str, Any]:
    """The datasets as they leave the machine."""
    event = RunEvent(
        eventType=RunState.RUNNING,
        eventTime="2026-11-21T01:30:00Z",
        run=Run(runId="01890a5d-ac96-774b-bcce-b302099a8057"),
        job=Job(namespace="default", name="ecommerce_etl.publish"),
        inputs=describe_inputs(LAYOUT, manifest),
        outputs=describe_outputs(LAYOUT, manifest),
        producer="https://example.com",
    )
    event_as_data: dict[str, Any] = Serde.to_dict(event)
    return event_as_data


def test_the_datasets_keep_their_names_from_day_to_day() -> None:
    event = as_event(MANIFEST)

    assert [(each["namespace"], each["name"]) for each in event["inputs"]] == [
        *(("s3://ecommerce-raw", f"{{day}}/{dataset}.csv") for dataset in DATASETS),
        ("s3://ecommerce-curated", "staged/{day}/run/orders.parquet"),
    ]
    assert {(each["namespace"], each["name"]) for each in event["outputs"]} == {
        ("s3://ecommerce-curated", f"{dataset}/dt={{day}}/{dataset}.parquet") for dataset in DATASETS
    }
    assert {each["facets"]["version"]["datasetVersion"] for each in event["outputs"]} == {"2026-11-21"}


def test_lineage_has_rows_and_bytes() -> None:
    event = as_event(MANIFEST)

    (raw,) = [
        each["inputFacets"]["dataQualityMetrics"]
        for each in event["inputs"]
        if each["name"] == "{day}/orders.csv"
    ]
    (orders,) = [each for each in event["outputs"] if each["name"].startswith("orders/")]
    assert (raw["rowCount"], raw["bytes"]) == (100, 700)
    assert orders["outputFacets"]["outputStatistics"]["rowCount"] == 93
    assert [field["name"] for field in orders["facets"]["schema"]["fields"]] == [
        column.name for column in published_orders()
    ]


def test_each_published_column_names_its_raw_columns() -> None:
    outputs = {each["name"].partition("/")[0]: each for each in as_event(MANIFEST)["outputs"]}
    facet = outputs["orders"]["facets"]["columnLineage"]
    sources = {
        name: [
            (source["name"], source["field"], source["transformations"][0]["subtype"])
            for source in field["inputFields"]
        ]
        for name, field in facet["fields"].items()
    }

    assert [*sources] == [column.name for column in published_orders()]
    assert sources["total_price"] == [
        ("{day}/orders.csv", "quantity", "TRANSFORMATION"),
        ("{day}/orders.csv", "selling_price", "TRANSFORMATION"),
    ]
    assert sources["customer_country"] == [("{day}/customers.csv", "country", "IDENTITY")]
    assert {source["field"] for source in facet["dataset"]} == {"customer_id", "product_id"}
    customers = outputs["customers"]["facets"]["columnLineage"]
    assert [*customers["fields"]] == [*DATASETS["customers"].column_names, "day"]


def test_a_computed_column_comes_from_the_columns_of_its_formula() -> None:
    from include.quality.expectations import FORMULAS

    names = {column.name for column in published_orders()}
    computed = {each.name: {*each.computed_from} for each in published_orders() if each.computed_from}

    assert computed == {
        name: names & {*re.findall(r"[a-z_]+", formula)} for name, (formula, _) in FORMULAS.items()
    }


def test_lineage_has_failed_checks() -> None:
    staged = as_event(RED)["inputs"][-1]

    assertions = staged["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert [(each["assertion"], each["success"], each.get("severity")) for each in assertions] == [
        (lineage.CHECKPOINT, False, None),
        ("expect_x(quantity): 3 of 100 rows", False, "error"),
        ("expect_y(volume): found 3", False, "warn"),
    ]
    assert assertions[0]["description"] == "20 expectations"


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Any:
    """OpenLineage's Airflow provider, as far as it is called."""
    module: Any = ModuleType("airflow.providers.openlineage.api")
    module.is_openlineage_active = lambda: True
    module.emit_dataset_lineage = lambda **_: None
    monkeypatch.setitem(sys.modules, "airflow.providers.openlineage", ModuleType("openlineage"))
    monkeypatch.setitem(sys.modules, "airflow.providers.openlineage.api", module)
    return module


def test_active_provider_gets_the_datasets(provider: Any) -> None:
    sent: list[dict[str, Any]] = []
    provider.emit_dataset_lineage = lambda **call: sent.append(call)

    send_lineage(LAYOUT, MANIFEST)

    assert [(len(call["inputs"]), len(call["outputs"])) for call in sent] == [
        (len(DATASETS) + 1, len(DATASETS))
    ]


def test_inactive_provider_gets_nothing(provider: Any) -> None:
    sent: list[dict[str, Any]] = []
    provider.is_openlineage_active = lambda: False
    provider.emit_dataset_lineage = lambda **call: sent.append(call)

    send_lineage(LAYOUT, MANIFEST)

    assert sent == []


def test_missing_provider_is_no_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "airflow.providers.openlineage.api", None)

    send_lineage(LAYOUT, MANIFEST)

    assert caplog.messages == []
