"""Lists what is below a prefix: objects, all versions of objects, and unfinished uploads."""

import datetime as dt
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from include.s3.objects import RUN_ID, Hook, delete_locations, locate

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Listed:
    """An object in a listing. `name` is its key without the prefix."""

    url: str
    name: str
    etag: str
    written_at: dt.datetime


@dataclass(frozen=True)
class ObjectVersion:
    """A version of an object, or a delete marker."""

    url: str
    version_id: str
    written_at: dt.datetime
    is_delete_marker: bool


def list_objects(hook: Hook, prefix: str, *, after: str = "") -> Iterator[Listed]:
    """The objects below a prefix in the order of their keys, without names up to `after`; fetched lazily."""
    bucket, start = hook.parse_s3_url(prefix)
    pages = hook.get_conn().get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=bucket, Prefix=start, StartAfter=f"{start}{after}"):
        for item in page.get("Contents", []):
            url, name = f"s3://{bucket}/{item['Key']}", item["Key"].removeprefix(start)
            yield Listed(url, name, item["ETag"], item["LastModified"])


def find_first_name(hook: Hook, prefix: str) -> str | None:
    """The first name below a prefix, or None if there is none."""
    bucket, start = hook.parse_s3_url(prefix)
    found = hook.get_conn().list_objects_v2(Bucket=bucket, Prefix=start, MaxKeys=1)
    return next((item["Key"].removeprefix(start) for item in found.get("Contents", [])), None)


def list_versions(hook: Hook, prefix: str) -> Iterator[ObjectVersion]:
    """Every version of every object below a prefix, and every delete marker."""
    bucket, start = hook.parse_s3_url(prefix)
    pages = hook.get_conn().get_paginator("list_object_versions")
    for page in pages.paginate(Bucket=bucket, Prefix=start):
        for kind in ("Versions", "DeleteMarkers"):
            for entry in page.get(kind, []):
                url, is_marker = f"s3://{bucket}/{entry['Key']}", kind == "DeleteMarkers"
                yield ObjectVersion(url, entry["VersionId"], entry["LastModified"], is_marker)


def delete_versions(hook: Hook, versions: Sequence[ObjectVersion]) -> None:
    """Delete versions of one bucket permanently."""
    delete_locations(hook, [{**locate(hook, each.url), "VersionId": each.version_id} for each in versions])


def read_run_id(hook: Hook, version: ObjectVersion) -> str | None:
    """The run in the metadata of a version."""
    head = hook.get_conn().head_object(**locate(hook, version.url), VersionId=version.version_id)
    run_id: str | None = head["Metadata"].get(RUN_ID)
    return run_id


def abort_uploads(hook: Hook, prefix: str, before: dt.datetime) -> None:
    """Abort the unfinished multipart uploads below a prefix that were started earlier."""
    bucket, start = hook.parse_s3_url(prefix)
    pages = hook.get_conn().get_paginator("list_multipart_uploads")
    for page in pages.paginate(Bucket=bucket, Prefix=start):
        for upload in page.get("Uploads", []):
            if upload["Initiated"] < before:
                location = {"Bucket": bucket, "Key": upload["Key"]}
                hook.get_conn().abort_multipart_upload(**location, UploadId=upload["UploadId"])
                log.info(
                    "Aborted the upload of s3://%s/%s, started %s", bucket, upload["Key"], upload["Initiated"]
                )
