"""The OpenLineage event of a published day: datasets, row counts, validation results and column lineage.

It is sent only if OpenLineage's Airflow provider is installed and configured. The names of the datasets are
the same every day; the day is their version.
"""

from typing import TYPE_CHECKING

from include import keys
from include.contract import DATASETS, LOOKED_UP, ORDERS, published_columns, published_orders
from include.contract.model import DAY
from include.keys import Layout
from include.manifest import Manifest, Quality

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset, OutputDataset
    from openlineage.client.facet_v2 import (
        column_lineage_dataset,
        data_quality_assertions_dataset,
        dataset_version_dataset,
        schema_dataset,
    )

#: Replaces the day in the names of datasets.
ANY_DAY = "{day}"
CHECKPOINT = "great_expectations_checkpoint"


def send_lineage(layout: Layout, manifest: Manifest) -> None:
    """Send one event for the running task."""
    try:
        from airflow.providers.openlineage.api import (  # type: ignore[import-not-found]  # an option
            emit_dataset_lineage,
            is_openlineage_active,
        )
    except ImportError:
        return
    if is_openlineage_active():
        emit_dataset_lineage(
            inputs=describe_inputs(layout, manifest), outputs=describe_outputs(layout, manifest)
        )


def describe_inputs(layout: Layout, manifest: Manifest) -> "list[InputDataset]":
    """The raw files, and the staged orders that the checkpoint validated."""
    from openlineage.client.event_v2 import InputDataset
    from openlineage.client.facet_v2 import data_quality_metrics_input_dataset as metrics

    def measure(rows: int, size: int | None) -> metrics.DataQualityMetricsInputDatasetFacet:
        return metrics.DataQualityMetricsInputDatasetFacet(rowCount=rows, bytes=size, columnMetrics={})

    raw = [
        InputDataset(
            *split_url(describe_raw_key(layout, dataset)),
            inputFacets={"dataQualityMetrics": measure(manifest["rows"][dataset]["read"], file["bytes"])},
            facets={"version": describe_version(manifest["day"], file["version_id"])},
        )
        for dataset, file in manifest["inputs"].items()
        if dataset in DATASETS
    ]
    orders = InputDataset(
        *split_url(keys.staged(layout, ANY_DAY, "run", "orders.parquet")),
        inputFacets={
            "dataQualityMetrics": measure(manifest["rows"][ORDERS.name]["published"], None),
            "dataQualityAssertions": describe_quality(manifest["quality"]),
        },
    )
    return [*raw, orders]


def describe_raw_key(layout: Layout, dataset: str) -> str:
    """The URL template of a dataset's raw files, with the day as in the setting `raw_key_template`."""
    return f"s3://{layout.raw_bucket}/{layout.raw_key_template.replace('{dataset}', dataset)}"


def describe_outputs(layout: Layout, manifest: Manifest) -> "list[OutputDataset]":
    """The published tables."""
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import output_statistics_output_dataset as statistics

    outputs = {dataset: manifest["outputs"][dataset] for dataset in DATASETS}
    return [
        OutputDataset(
            *split_url(keys.published(layout, ANY_DAY, dataset)),
            outputFacets={
                "outputStatistics": statistics.OutputStatisticsOutputDatasetFacet(
                    rowCount=output["rows"], size=output["bytes"]
                )
            },
            facets={
                "version": describe_version(manifest["day"], output["version_id"]),
                "schema": describe_schema(dataset),
                "columnLineage": describe_column_lineage(layout, dataset),
            },
        )
        for dataset, output in outputs.items()
    ]


def describe_quality(
    quality: Quality,
) -> "data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet":
    """The checkpoint as a whole, and each failed expectation or warning."""
    from openlineage.client.facet_v2 import data_quality_assertions_dataset as assertions

    whole = assertions.Assertion(
        assertion=CHECKPOINT,
        success=quality["success"],
        description=f"{quality['expectations']} expectations",
    )
    found = [
        assertions.Assertion(assertion=finding, success=False, severity=severity)
        for severity, findings in (("error", quality["failed"]), ("warn", quality["warnings"]))
        for finding in findings
    ]
    return assertions.DataQualityAssertionsDatasetFacet(assertions=[whole, *found])


def describe_schema(dataset: str) -> "schema_dataset.SchemaDatasetFacet":
    """The published columns of the contract."""
    from openlineage.client.facet_v2 import schema_dataset as schema

    return schema.SchemaDatasetFacet(
        fields=[
            schema.SchemaDatasetFacetFields(
                name=column.name, type=column.kind.value, description=column.meaning
            )
            for column in published_columns(DATASETS[dataset])
        ]
    )


def describe_column_lineage(
    layout: Layout, dataset: str
) -> "column_lineage_dataset.ColumnLineageDatasetFacet":
    """The columns of raw files that each published column is computed from."""
    from openlineage.client.facet_v2 import column_lineage_dataset as column_lineage

    def refer(source: str, column: str, kind: str, subtype: str) -> column_lineage.InputField:
        transformation = column_lineage.Transformation(type=kind, subtype=subtype)
        return column_lineage.InputField(
            *split_url(keys.raw(layout, ANY_DAY, DATASETS[source].raw_dataset)),
            field=column,
            transformations=[transformation],
        )

    references = ORDERS.references.values() if dataset == ORDERS.name else ()
    return column_lineage.ColumnLineageDatasetFacet(
        fields={
            name: column_lineage.Fields([refer(*source) for source in sources])
            for name, sources in find_sources(dataset).items()
        },
        dataset=[refer(dataset, column, "INDIRECT", "JOIN") for column in references],
    )


def find_sources(dataset: str) -> dict[str, list[tuple[str, str, str, str]]]:
    """For each published column: its source datasets and columns, with OpenLineage's type and subtype."""
    if dataset != ORDERS.name:
        names = DATASETS[dataset].column_names
        return {name: [(dataset, name, "DIRECT", "IDENTITY")] for name in names} | {DAY.name: []}
    copied = {
        published: [(source.column(column).taken_from or source.name, column, "DIRECT", "IDENTITY")]
        for source in (ORDERS, *LOOKED_UP.values())
        for column, published in source.taken_over.items()
    }
    computed = {
        column.name: [(dataset, source, "DIRECT", "TRANSFORMATION") for source in column.computed_from]
        for column in published_orders()
        if column.computed_from
    }
    known = copied | computed | {DAY.name: []}
    return {column.name: known[column.name] for column in published_orders()}


def describe_version(
    day: str, version_id: str | None
) -> "dataset_version_dataset.DatasetVersionDatasetFacet":
    from openlineage.client.facet_v2 import dataset_version_dataset as version

    return version.DatasetVersionDatasetFacet(datasetVersion=f"{day} {version_id}" if version_id else day)


def split_url(url: str) -> tuple[str, str]:
    """The namespace and name of an S3 object, by OpenLineage's naming rules."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return f"s3://{bucket}", key
