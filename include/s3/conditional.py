"""Copies and writes that succeed only if the objects involved have not changed."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from include.day import format_instant
from include.errors import StagedChangedError
from include.s3.objects import (
    MADE_FROM,
    RUN_ID,
    Hook,
    ObjectState,
    add_object_urls,
    head_object,
    locate,
    write_json,
)

log = logging.getLogger(__name__)

#: S3 copies objects of up to 5 GiB in one request; larger ones are copied in parts.
LARGEST_SINGLE_COPY_BYTES = 5 * 1024**3
#: Statuses of a failed condition: other ETag, object missing, concurrent write.
_OTHER_ETAG, _MISSING, _CONCURRENT_WRITE = 412, 404, 409


class ObjectChangedError(Exception):
    """An object changed after it was read, so it was neither copied nor replaced."""


@add_object_urls
def copy_object(
    hook: Hook,
    source: str,
    target: str,
    *,
    if_etag: str | None = None,
    version_id: str | None = None,
    run_id: str | None = None,
) -> ObjectState:
    """Copy an object, or one version of it, inside S3; with `if_etag`, only if it still has that ETag.

    `run_id` goes into the metadata of the copy.

    Raises
    ------
    ObjectChangedError: the source has another ETag.
    """
    from boto3.s3.transfer import TransferConfig

    extra: dict[str, Any] = {"CopySourceIfMatch": f'"{if_etag}"'} if if_etag else {}
    if run_id:
        extra |= {"Metadata": {RUN_ID: run_id}, "MetadataDirective": "REPLACE"}
    in_parts = TransferConfig(multipart_threshold=LARGEST_SINGLE_COPY_BYTES, multipart_chunksize=1024**3)
    # A 404 may also mean that the bucket of the target is missing.
    with _translate_failed_condition(source, _OTHER_ETAG):
        origin = _locate_version(hook, source, version_id)
        hook.get_conn().copy(origin, **locate(hook, target), ExtraArgs=extra, Config=in_parts)
    state = head_object(hook, target)
    log.info("Copied %s to %s (%s bytes)", source, target, f"{state['bytes']:,}")
    return state


@add_object_urls
def replace_object(
    hook: Hook,
    source: str,
    target: str,
    etag: str | None,
    *,
    version_id: str | None = None,
    made_from: str | None = None,
) -> ObjectState:
    """Copy inside S3 if the target still has the ETag `etag`, or for None, if it does not exist.

    Returns the state of exactly the version that was written, even if others write at the same time.
    A source whose metadata names other inputs than `made_from` is rejected.

    Raises
    ------
    ObjectChangedError: the source or the target has changed.
    StagedChangedError: the source was made from other inputs.
    """
    origin = _locate_version(hook, source, version_id)
    head = hook.get_conn().head_object(**origin)
    if made_from:
        _require_made_from(source, head, made_from)
    if head["ContentLength"] > LARGEST_SINGLE_COPY_BYTES:
        # A copy in parts takes no condition; `restore_day` repairs a concurrent replacement afterwards.
        return copy_object(hook, source, target, version_id=version_id)
    with _translate_failed_condition(target, _OTHER_ETAG, _MISSING, _CONCURRENT_WRITE):
        answer = hook.get_conn().copy_object(
            **locate(hook, target),
            CopySource=origin,
            CopySourceIfMatch=head["ETag"],
            **_make_condition(etag),
        )
    log.info("Copied %s to %s (%s bytes)", source, target, f"{head['ContentLength']:,}")
    return {
        "key": target,
        "etag": answer["CopyObjectResult"]["ETag"].strip('"'),
        "version_id": answer.get("VersionId"),
        "bytes": head["ContentLength"],
        "written_at": format_instant(answer["CopyObjectResult"]["LastModified"]),
    }


def _locate_version(hook: Hook, url: str, version_id: str | None) -> dict[str, str]:
    return locate(hook, url) | ({"VersionId": version_id} if version_id else {})


def _require_made_from(source: str, head: Mapping[str, Any], made_from: str) -> None:
    if head["Metadata"].get(MADE_FROM, made_from) != made_from:
        raise StagedChangedError(
            f"{source} was written by a delayed earlier try, from other raw files. Nothing of it was "
            "published. Clear this run from transform on."
        )


@add_object_urls
def replace_json(hook: Hook, document: Mapping[str, Any], url: str, etag: str | None) -> None:
    """Store a document if the object still has the ETag `etag`, or for None, if it does not exist.

    Raises
    ------
    ObjectChangedError: the object has changed.
    """
    with _translate_failed_condition(url, _OTHER_ETAG, _MISSING, _CONCURRENT_WRITE):
        write_json(hook, document, url, **_make_condition(etag))


@contextmanager
def _translate_failed_condition(url: str, *statuses: int) -> Iterator[None]:
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in statuses:
            raise ObjectChangedError(f"{url} has changed") from error
        raise


def _make_condition(etag: str | None) -> dict[str, str]:
    return {"IfMatch": f'"{etag}"'} if etag else {"IfNoneMatch": "*"}
