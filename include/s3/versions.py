"""All versions of S3 objects below a prefix, and uploads that were never completed: what a clean-up needs."""

import datetime as dt
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from include.s3.objects import RUN_ID, Hook, delete_places, locate

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ObjectVersion:
    """One version of an object, or the marker that it was deleted."""

    url: str
    version_id: str
    written_at: dt.datetime
    is_delete_marker: bool


def list_versions(hook: Hook, prefix: str) -> Iterator[ObjectVersion]:
    """Every version of every object below a prefix, and every delete marker."""
    bucket, key_prefix = hook.parse_s3_url(prefix)
    pages = hook.get_conn().get_paginator("list_object_versions")
    for page in pages.paginate(Bucket=bucket, Prefix=key_prefix):
        for kind in ("Versions", "DeleteMarkers"):
            for entry in page.get(kind, []):
                yield ObjectVersion(
                    f"s3://{bucket}/{entry['Key']}",
                    entry["VersionId"],
                    entry["LastModified"],
                    kind == "DeleteMarkers",
                )


def delete_versions(hook: Hook, versions: Sequence[ObjectVersion]) -> None:
    """Remove versions of one bucket for good."""
    delete_places(
        hook,
        [{**locate(hook, version.url), "VersionId": version.version_id} for version in versions],
    )


def read_run_id(hook: Hook, version: ObjectVersion) -> str | None:
    """Which run the object says that it belongs to."""
    head = hook.get_conn().head_object(**locate(hook, version.url), VersionId=version.version_id)
    run_id: str | None = head["Metadata"].get(RUN_ID)
    return run_id


def abort_uploads(hook: Hook, prefix: str, before: dt.datetime) -> None:
    """End the uploads in parts below a prefix that were begun earlier and never completed."""
    bucket, key_prefix = hook.parse_s3_url(prefix)
    pages = hook.get_conn().get_paginator("list_multipart_uploads")
    for page in pages.paginate(Bucket=bucket, Prefix=key_prefix):
        for upload in page.get("Uploads", []):
            if upload["Initiated"] < before:
                hook.get_conn().abort_multipart_upload(
                    Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                )
                log.info(
                    "Ended the upload of s3://%s/%s, begun %s", bucket, upload["Key"], upload["Initiated"]
                )
