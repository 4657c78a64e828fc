"""The transform task as a Spark job on AWS Glue. It returns the same record as the task on the worker."""

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.amazon.aws.operators.glue import GlueJobOperator

from include import keys
from include.config import CONNECTION_ID, Settings
from include.contract import DELIVERED
from include.errors import PipelineError, restore_error
from include.manifest import describe_counts, digest_inputs
from include.operators.context import task_context
from include.s3.objects import read_json

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from airflow.sdk import Context

    from include.manifest import Extracted, Transformed

#: A job takes minutes. Its own timeout is shorter than all attempts together.
_POLL_SECONDS, _POLL_ATTEMPTS = 30, 24 * 60 * 2


class GlueTransform(GlueJobOperator):
    """Transforms large days on Glue and small ones on the worker.

    Parameters
    ----------
    extracted: the result of the extract task.
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
        """Start the job and wait for it, deferred; or transform a small day here."""
        with task_context() as (hook, settings):
            if is_small(settings, self.extracted):
                from include.transform import transform

                return dict(transform(hook, settings, self.extracted))
            self.job_name = settings.glue_job
            self.script_args = make_arguments(settings, self.extracted)
        return super().execute(context)

    def execute_complete(self, context: "Context", event: dict[str, Any] | None = None) -> Any:
        """Return the result of the job."""
        super().execute_complete(context, event)
        with task_context() as (hook, settings):
            transformed = read_result(hook, settings, self.extracted)
        for line in describe_counts(transformed["counts"]):
            self.log.info("%s", line)
        return dict(transformed)


def is_small(settings: Settings, extracted: "Extracted") -> bool:
    """Whether the raw files of the day, as delivered, are smaller than the setting `glue_min_bytes`."""
    size = sum(extracted["inputs"][name]["bytes"] for name in DELIVERED)
    return size < settings.glue_min_bytes


def make_arguments(settings: Settings, extracted: "Extracted") -> dict[str, str]:
    """The arguments of the job. A retry joins the job of an earlier try if that has the same snapshot."""
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
    """The URL of the job's result, with a digest of the inputs, since a delayed job may have others."""
    name = f"transformed-{digest_inputs(extracted['inputs'])}.json"
    return keys.staged(settings.layout, extracted["day"], extracted["run_id"], name)


def read_result(hook: "S3Hook", settings: Settings, extracted: "Extracted") -> "Transformed":
    """The result of the job.

    Raises
    ------
    PipelineError: the job wrote no result, or failed; its own error is raised again here.
    """
    url = name_result(settings, extracted)
    result = read_json(hook, url)
    if result is None:
        raise PipelineError(
            f"The Glue job succeeded but did not write {url}. Clear this run from transform on."
        )
    if "error" in result:
        raise restore_error(result.get("kind", ""), result["error"])
    return cast("Transformed", result)
