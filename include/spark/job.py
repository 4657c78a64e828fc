"""The script of the Glue job: one run's snapshot in, its staged tables out.

Airflow starts it with the arguments below, and reads what it leaves under `--result`.
"""

import argparse
import json
import logging
import sys
from typing import Any

from include.errors import PipelineError
from include.s3.objects import write_json
from include.spark.store import Store
from include.spark.transform_day import Sizes, transform_day

#: What the transform asks of Spark, wherever it runs.
SPARK_CONFIG = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.adaptive.enabled": "true",
}


def main(arguments: list[str] | None = None) -> None:
    """Transform a day. What is wrong with its files is left as the result, so that Airflow can say it."""
    from pyspark.sql import SparkSession

    options = make_parser().parse_known_args(arguments)[0]
    builder = SparkSession.builder
    for name, value in SPARK_CONFIG.items():
        builder = builder.config(name, value)
    sizes = Sizes(batch_bytes=options.batch_bytes)
    try:
        result: dict[str, Any] = dict(
            transform_day(builder.getOrCreate(), json.loads(options.extracted), options.staged, sizes)
        )
    except PipelineError as error:
        # The kind says whether another try may help, and what people are told to do.
        result = {"error": str(error), "kind": type(error).__name__}
    write_json(Store(), result, options.result)


def make_parser() -> argparse.ArgumentParser:
    """Glue adds arguments of its own, which are left alone."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--extracted", required=True, help="what the extract task handed on, as JSON")
    parser.add_argument("--staged", required=True, help="the URL below which outputs go, with a slash")
    parser.add_argument("--result", required=True, help="the URL of the JSON that says how it went")
    parser.add_argument("--batch_bytes", type=int, required=True)
    return parser


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    # It logs every call between Python and Java.
    logging.getLogger("py4j").setLevel(logging.WARNING)
    main(sys.argv[1:])
