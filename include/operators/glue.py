"""The transform task: on the worker by default, or as a Spark job on AWS Glue, by the settings.

Either way it hands on the same record; what comes after it does not know where it ran.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.amazon.aws.operators.glue import GlueJobOperator

from include import keys
from include.config import CONNECTION_ID, Settings
from include.contract import DATASETS
from include.errors import PipelineError, restore_error
from include.manifest import describe_counts, digest_inputs
from include.operators.context import task_context
from include.s3.objects import read_json

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from airflow.sdk import Context

    from include.manifest import Extracted, Transformed

PANDAS, GLUE, AUTO = "pandas", "glue", "auto"
#: Glue states change over minutes. The job's own timeout ends it before the attempts do.
_POLL_SECONDS, _POLL_ATTEMPTS = 30, 24 * 60 * 2


class TransformOperator(GlueJobOperator):
    """Cleans, joins and computes; refused rows go to quarantine with their reasons.

    Parameters
    ----------
    extracted: what the extract task hands on.
    """

    template_fields: Sequence[str] = (*GlueJobOperator.template_fields, "extracted")

    def __init__(self, *, extracted: Any, **kwargs: Any) -> None:
        super().__init__(
            aws_conn_id=CONNECTION_ID,
            deferrable=True,
            waiter_delay=_POLL_SECONDS,
            waiter_max_attempts=_POLL_ATTEMPTS,
            **kwargs,
        )
        self.extracted = extracted

    def execute(self, context: "Context") -> Any:
        """Do the work here, or start the job and wait for it, deferred: that holds no worker."""
        with task_context() as (hook, settings):
            if choose_engine(settings, self.extracted) == PANDAS:
                from include.transform import transform

                return dict(transform(hook, settings, self.extracted))
            self.job_name = settings.glue_job
            self.script_args = make_arguments(settings, self.extracted)
        return super().execute(context)

    def execute_complete(self, context: "Context", event: dict[str, Any] | None = None) -> Any:
        """Hand on what the job left behind."""
        super().execute_complete(context, event)
        with task_context() as (hook, settings):
            transformed = read_result(hook, settings, self.extracted)
        for line in describe_counts(transformed["counts"]):
            self.log.info("%s", line)
        return dict(transformed)


def choose_engine(settings: Settings, extracted: "Extracted") -> str:
    """`pandas` or `glue`; `auto` goes by the size of the day's files as they were delivered."""
    if settings.engine != AUTO:
        return settings.engine
    size = sum(extracted["inputs"][name]["bytes"] for name in DATASETS)
    return GLUE if size >= settings.glue_min_bytes else PANDAS


def make_arguments(settings: Settings, extracted: "Extracted") -> dict[str, str]:
    """What the job is told. A try that follows one whose job still runs waits for that job, but only
    where it works on the same snapshot.
    """
    layout, day, run = settings.layout, extracted["day"], extracted["run_id"]
    document = json.dumps(extracted)
    return {
        "--extracted": document,
        "--staged": keys.staged(layout, day, run, ""),
        "--result": name_result(settings, extracted),
        "--batch_bytes": str(settings.batch_bytes),
        GlueJobOperator.TASK_UUID_ARG: hashlib.sha256(document.encode()).hexdigest(),
    }


def name_result(settings: Settings, extracted: "Extracted") -> str:
    """Where the job says how it went; apart from a job that was held up and works on other raw files."""
    name = f"transformed-{digest_inputs(extracted['inputs'])}.json"
    return keys.staged(settings.layout, extracted["day"], extracted["run_id"], name)


def read_result(hook: "S3Hook", settings: Settings, extracted: "Extracted") -> "Transformed":
    """What the job left.

    Raises
    ------
    PipelineError: the job left nothing, or ended in an error, which is raised here as it was there.
    """
    url = name_result(settings, extracted)
    result = read_json(hook, url)
    if result is None:
        raise PipelineError(f"The Glue job ended well and left no {url}. Clear this run from transform on.")
    if "error" in result:
        raise restore_error(result.get("kind", ""), result["error"])
    return cast("Transformed", result)
