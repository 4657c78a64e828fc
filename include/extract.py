"""Extract: pin the bytes that a run works on, by copying each raw file inside S3."""

from typing import TYPE_CHECKING

from include import keys
from include.contract import DATASETS
from include.errors import RawFileChangedError
from include.late import pin_late_rows
from include.manifest import Extracted, RawFile
from include.objects import copy_object, head_object

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from include.config import Settings


def extract(hook: "S3Hook", settings: "Settings", day: str, run_id: str) -> Extracted:
    """Take a snapshot of the day's three raw files.

    What is delivered afterwards changes nothing in this run.

    Raises
    ------
    RawFileChangedError: a file was replaced at this very moment; trying again helps.
    """
    inputs = {name: _pin(hook, settings.layout, day, run_id, name) for name in DATASETS}
    inputs |= pin_late_rows(hook, settings, day, run_id)
    return {"day": day, "run_id": run_id, "inputs": inputs}


def _pin(hook: "S3Hook", layout: keys.Layout, day: str, run_id: str, dataset: str) -> RawFile:
    from botocore.exceptions import ClientError

    raw = head_object(hook, keys.raw(layout, day, dataset))
    snapshot_key = keys.snapshot(layout, day, run_id, dataset)
    try:
        copy_object(hook, raw["key"], snapshot_key, if_etag=raw["etag"])
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 412:
            raise RawFileChangedError(
                f"{raw['key']} was replaced while it was being copied. The next try takes the new file."
            ) from error
        raise
    return {**raw, "snapshot_key": snapshot_key}
