"""Writes that hold only while what they copy, or what they replace, is still what it was."""

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

#: S3 copies objects of up to 5 GiB in one request; larger ones go in parts.
LARGEST_SINGLE_COPY_BYTES = 5 * 1024**3
#: What S3 answers when the object has another ETag; or is not there, or is being written by somebody else.
_OTHER_ETAG, _GONE, _BEING_WRITTEN = 412, 404, 409


class ObjectChangedError(Exception):
    """An object was to be copied or replaced as it was, and is another one by now."""


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
    """Copy on the server, one version if it is named; with `if_etag`, only if the source still has that ETag.

    With `run_id` the copy says which run it belongs to.

    Raises
    ------
    ObjectChangedError: the source is another one by now.
    """
    from boto3.s3.transfer import TransferConfig

    extra: dict[str, Any] = {"CopySourceIfMatch": f'"{if_etag}"'} if if_etag else {}
    if run_id:
        extra |= {"Metadata": {RUN_ID: run_id}, "MetadataDirective": "REPLACE"}
    in_parts = TransferConfig(multipart_threshold=LARGEST_SINGLE_COPY_BYTES, multipart_chunksize=1024**3)
    # Not a 404: the bucket of the target may be what is missing.
    with _conditional(source, _OTHER_ETAG):
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
    """Copy on the server, if the target still has that ETag, or for None, if it is not there.

    The answer tells of exactly the version that was made, whatever others do at the same moment. With
    `made_from`, a source that says that it was made from something else is refused.

    Raises
    ------
    ObjectChangedError: the source or the target is another one by now.
    StagedChangedError: the source was made from something else.
    """
    origin = _locate_version(hook, source, version_id)
    head = hook.get_conn().head_object(**origin)
    if made_from:
        _require_made_from(source, head, made_from)
    if head["ContentLength"] > LARGEST_SINGLE_COPY_BYTES:
        # In parts there is no condition; whoever publishes looks at the end whether all is in order.
        return copy_object(hook, source, target, version_id=version_id)
    with _conditional(target, _OTHER_ETAG, _GONE, _BEING_WRITTEN):
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
            f"{source} was written by an earlier try that was held up, from other raw files. Nothing of it "
            "was published. Clear this run from transform on."
        )


@add_object_urls
def replace_json(hook: Hook, document: Mapping[str, Any], url: str, etag: str | None) -> None:
    """Store a document, if the object still has that ETag, or for None, if it is not there.

    Raises
    ------
    ObjectChangedError: the object is another one by now.
    """
    with _conditional(url, _OTHER_ETAG, _GONE, _BEING_WRITTEN):
        write_json(hook, document, url, **_make_condition(etag))


@contextmanager
def _conditional(url: str, *failed: int) -> Iterator[None]:
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in failed:
            raise ObjectChangedError(f"{url} is another one by now") from error
        raise


def _make_condition(etag: str | None) -> dict[str, str]:
    return {"IfMatch": f'"{etag}"'} if etag else {"IfNoneMatch": "*"}
