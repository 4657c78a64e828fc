"""Verify: prove a published day by recomputing it from its snapshot.

Compares the manifest with the objects in S3 and with the recomputed tables and counts. Changes nothing in S3.
"""

import hashlib
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include import keys
from include.contract import DATASETS
from include.contract.model import LATE, REPAIRS
from include.contract_file import describe_contract_file
from include.errors import DayNotPublishedError, PipelineError, VerificationError
from include.manifest import Counts, Manifest, Output, RawFile, code_version
from include.s3.conditional import LARGEST_SINGLE_COPY_BYTES
from include.s3.objects import download_file, find_object, read_json
from include.scratch import scratch_folder
from include.transform import transform_snapshot

if TYPE_CHECKING:
    from include.config import Settings
    from include.s3.objects import Hook

log = logging.getLogger(__name__)

#: The fields of the manifest that the transform counts.
_COUNTED = ("rows", "reasons", "total_price", "undelivered", "drift", "malformed", "emptied")


@dataclass(frozen=True)
class Difference:
    """A difference from the manifest. `where` is a field or an object."""

    where: str
    expected: object
    found: object

    def __str__(self) -> str:
        return f"{self.where}: the manifest says {self.expected}, found {self.found}"


@dataclass(frozen=True)
class Verification:
    """The result for one day. Notes are possible explanations of differences."""

    manifest: Manifest
    differences: tuple[Difference, ...]
    notes: tuple[str, ...] = ()

    @property
    def is_verified(self) -> bool:
        return not self.differences


def prove_day(hook: "Hook", settings: "Settings", day: str) -> str:
    """Verify a day. Returns the verdict as text, and logs it.

    Raises
    ------
    DayNotPublishedError: the day has no manifest.
    VerificationError: something is not as the manifest says; names each difference.
    """
    verdict = describe_verification(verify(hook, settings, day))
    log.info("%s", verdict)
    return verdict


def verify(hook: "Hook", settings: "Settings", day: str) -> Verification:
    """Compare a published day with its manifest, and with the result recomputed from its snapshot.

    Raises
    ------
    DayNotPublishedError: the day has no manifest.
    """
    url = keys.manifest(settings.layout, day)
    document = read_json(hook, url)
    if document is None:
        raise DayNotPublishedError(f"{day} is not published: there is no {url}.")
    manifest: Manifest = document  # type: ignore[assignment]  # the checks below find what is wrong in it
    differences = [
        *check_manifest(settings.layout, day, manifest),
        *check_inputs(hook, manifest["inputs"]),
        *check_outputs(hook, manifest["outputs"]),
    ]
    # If the inputs differ, recomputing proves nothing.
    recomputed = [] if differences else list(recompute_day(hook, settings, manifest))
    return Verification(manifest, (*differences, *recomputed), tuple(_explain_code(manifest)))


def check_manifest(layout: keys.Layout, day: str, manifest: Manifest) -> Iterator[Difference]:
    """Check the consistency of the manifest: day, keys, counts, and an open or approved gate."""
    yield from _compare("day", day, manifest["day"])
    for name, output in manifest["outputs"].items():
        yield from _compare(f"outputs.{name}.key", _expected_key(layout, day, name), output["key"])
        dataset = name.removeprefix("quarantine/")
        counted = manifest["rows"][dataset]
        rows = counted["published"] if dataset == name else counted["quarantined"]
        yield from _compare(f"outputs.{name}.rows", rows, output["rows"])
    for name in sorted(manifest["inputs"].keys() & DATASETS.keys()):
        run_folder = f"/{keys.safe(manifest['run_id'])}/"
        if run_folder not in (snapshot_key := manifest["inputs"][name]["snapshot_key"]):
            yield Difference("run_id", snapshot_key, manifest["run_id"])
    for dataset, counts in manifest["rows"].items():
        accounted = counts["published"] + counts["quarantined"] + counts["duplicates"]
        yield from _compare(f"rows.{dataset}", counts["read"], accounted)
    approval = manifest["approval"]
    if not manifest["quality"]["success"] and not (approval and approval["approved"]):
        yield Difference("quality.success", "an approval, since it is false", approval)
    if manifest["quality"]["success"] != (not manifest["quality"]["failed"]):
        yield Difference("quality.failed", manifest["quality"]["success"], manifest["quality"]["failed"])


def _expected_key(layout: keys.Layout, day: str, name: str) -> str:
    dataset = name.removeprefix("quarantine/")
    return (keys.quarantine if dataset != name else keys.published)(layout, day, dataset)


def check_inputs(hook: "Hook", inputs: Mapping[str, RawFile]) -> Iterator[Difference]:
    """Check that the snapshot still has the ETags and sizes in the manifest."""
    for name, file in inputs.items():
        state = find_object(hook, file["snapshot_key"])
        if state is None:
            yield Difference(f"inputs.{name}", file["snapshot_key"], "no such object")
        else:
            expected = file.get("snapshot_etag", file["etag"])
            yield from _compare(f"inputs.{name}.snapshot_etag", expected, state["etag"])
            if _is_unchanged_copy(name, inputs):
                yield from _compare(f"inputs.{name}.etag", state["etag"], file["etag"])
                yield from _compare(f"inputs.{name}.bytes", file["bytes"], state["bytes"])


def _is_unchanged_copy(name: str, inputs: Mapping[str, RawFile]) -> bool:
    """Whether a snapshot must have the ETag of its raw file: not after a repair or a copy in parts."""
    return f"{REPAIRS}{name}" not in inputs and inputs[name]["bytes"] <= LARGEST_SINGLE_COPY_BYTES


def check_outputs(hook: "Hook", outputs: Mapping[str, Output]) -> Iterator[Difference]:
    """Check that the published keys hold the versions in the manifest."""
    for name, output in outputs.items():
        state: Mapping[str, Any] | None = find_object(hook, output["key"])
        if state is None:
            yield Difference(f"outputs.{name}", output["key"], "no such object")
        else:
            for field in ("etag", "version_id", "bytes"):
                yield from _compare(f"outputs.{name}.{field}", output.get(field), state[field])


def recompute_day(hook: "Hook", settings: "Settings", manifest: Manifest) -> Iterator[Difference]:
    """Transform the snapshot again, and compare the counts and the bytes of every table."""
    with scratch_folder("verify") as folder:
        try:
            counts = transform_snapshot(hook, settings, manifest, folder)
        except PipelineError as error:
            yield Difference("inputs", "a snapshot that can be transformed", error)
            return
        yield from compare_counts(manifest, counts)
        for name, output in manifest["outputs"].items():
            published = folder / "published.parquet"
            download_file(hook, output["key"], published, version_id=output["version_id"])
            if _digest(published) != _digest(folder / "out" / f"{name}.parquet"):
                yield Difference(f"outputs.{name}", "the bytes that its snapshot gives", "other bytes")


def compare_counts(manifest: Manifest, counts: Counts) -> Iterator[Difference]:
    """Compare rows, reasons, totals and drift; fields that an earlier release did not count are skipped."""
    recounted: Mapping[str, Any] = counts
    for field in _COUNTED:
        if field in manifest:
            yield from _compare(field, manifest[field], recounted[field])  # type: ignore[literal-required]


def _explain_code(manifest: Manifest) -> Iterable[str]:
    if manifest["code_version"] != code_version():
        yield (
            f"Published by code {manifest['code_version']}; this is {code_version()}, with "
            f"{describe_contract_file()}. Where bytes or counts differ, verify with the code and the "
            "contract that published the day before you suspect the data."
        )
    if late := [name for name in manifest["inputs"] if name.startswith(LATE)]:
        yield f"Used late arrivals: {', '.join(late)}."


def _compare(where: str, expected: object, found: object) -> Iterator[Difference]:
    if expected != found:
        yield Difference(where, expected, found)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe_verification(verification: Verification) -> str:
    """The verdict as text, with its notes.

    Raises
    ------
    VerificationError: something is not as the manifest says; names each difference.
    """
    manifest = verification.manifest
    notes = [f"note: {note}" for note in verification.notes]
    if not verification.is_verified:
        differences = [f"  {difference}" for difference in verification.differences]
        raise VerificationError(
            "\n".join([f"{manifest['day']} is not what its manifest says:", *differences, *notes])
        )
    return "\n".join(
        [
            *notes,
            f"{manifest['day']} is verified: recomputed from its snapshot, it is identical in every byte.",
            f"  {list_checked(manifest)}; run {manifest['run_id']}, code {manifest['code_version']}",
        ]
    )


def list_checked(manifest: Manifest) -> str:
    """The compared objects and totals: `3 inputs, 6 outputs, 12,920 orders, total price 1774490.82`."""
    orders = manifest["rows"]["orders"]["published"]
    return (
        f"{len(manifest['inputs'])} inputs, {len(manifest['outputs'])} outputs of "
        f"{', '.join(DATASETS)}; {orders:,} orders, total price {manifest['total_price']}"
    )
