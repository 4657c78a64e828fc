"""Extract: pin what a run works on, by copying each raw file inside S3."""

import datetime as dt
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from include import keys
from include.contract import DELIVERED, Dataset
from include.contract.model import REPAIRS
from include.day import format_instant
from include.errors import RawFileChangedError, RawFileEmptyError
from include.inputs.late_arrivals import pin_late_rows
from include.manifest import Extracted, PartlyUsed, RawFile
from include.s3.conditional import ObjectChangedError, copy_object
from include.s3.objects import download_file, head_object, read_object, upload_file
from include.scratch import scratch_folder

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from include.config import Settings
    from include.inputs.repairs import Repair

log = logging.getLogger(__name__)


def extract(hook: "S3Hook", settings: "Settings", day: str, run_id: str) -> Extracted:
    """Take a snapshot of the day's raw files, with what people repaired in them.

    What is delivered afterwards changes nothing in this run.

    Raises
    ------
    RepairError: a file of repaired rows cannot be used.
    RawFileEmptyError: a raw file has zero bytes; an upload may still be going on, so a retry may find it.
    RawFileChangedError: a file was replaced at this very moment; trying again helps.
    """
    pinned_at = format_instant(dt.datetime.now(dt.UTC))
    inputs = {name: _pin(hook, settings.layout, day, run_id, name) for name in DELIVERED}
    inputs |= _apply_repairs(hook, settings.layout, day, inputs)
    inputs |= pin_late_rows(hook, settings, day, run_id)
    return {"day": day, "run_id": run_id, "inputs": inputs, "pinned_at": pinned_at}


def _pin(hook: "S3Hook", layout: keys.Layout, day: str, run_id: str, dataset: str) -> RawFile:
    raw = head_object(hook, keys.raw(layout, day, dataset))
    if not raw["bytes"]:
        raise RawFileEmptyError(raw["key"])
    snapshot_key = keys.snapshot(layout, day, run_id, dataset)
    try:
        # The clean-up asks Airflow for the run before it removes the snapshot.
        copy = copy_object(hook, raw["key"], snapshot_key, if_etag=raw["etag"], run_id=run_id)
    except ObjectChangedError as error:
        raise RawFileChangedError(
            f"{raw['key']} was replaced while it was being copied. Airflow will retry with the new file."
        ) from error
    return {**raw, "snapshot_key": snapshot_key, "snapshot_etag": copy["etag"]}


def _apply_repairs(
    hook: "S3Hook", layout: keys.Layout, day: str, inputs: Mapping[str, RawFile]
) -> dict[str, PartlyUsed]:
    """Put the repaired rows of the day into its snapshots. Returns the repairs, as inputs."""
    repairs = {}
    for name, dataset in DELIVERED.items():
        if found := read_object(hook, keys.repair(layout, day, name)):
            from include.inputs.repairs import read_repair

            state, body = found
            repair = read_repair(body, state["key"], dataset)
            rows = _apply_repair(hook, dataset, inputs[name], repair)
            repairs[REPAIRS + name] = PartlyUsed(
                **state, snapshot_key=state["key"], snapshot_etag=state["etag"], rows=rows
            )
    return repairs


def _apply_repair(hook: "S3Hook", dataset: Dataset, raw: RawFile, repair: "Repair") -> int:
    """Patch the snapshot of a raw file. Returns how many rows were repaired."""
    from include.engine.raw_file import RawSource
    from include.inputs.repairs import patch_file

    if repair.raw_etag != raw["etag"]:
        log.warning(
            "%s was made for an earlier version of %s and is not used. If rows of the new version are "
            "rejected, export its quarantine and repair those.",
            repair.source,
            raw["key"],
        )
        return 0
    with scratch_folder("repair") as folder:
        delivered, patched = folder / "delivered", folder / "patched"
        download_file(hook, raw["snapshot_key"], delivered)
        patch_file(RawSource(dataset, delivered, raw["key"]), repair, patched)
        upload_file(hook, patched, raw["snapshot_key"])
    raw["snapshot_etag"] = head_object(hook, raw["snapshot_key"])["etag"]
    log.info("%s replaces %s rows of %s", repair.source, len(repair.rows), raw["key"])
    return len(repair.rows)
