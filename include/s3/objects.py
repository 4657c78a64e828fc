"""Whole S3 objects, addressed by URL: read, write, download, upload and delete."""

import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired, ParamSpec, Protocol, TypedDict, TypeVar

from include.day import format_instant
from include.errors import RetryableError

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

log = logging.getLogger(__name__)

_Result = TypeVar("_Result")
_Parameters = ParamSpec("_Parameters")

_MOST_DELETED_AT_ONCE = 1000
_RANGE = re.compile(r"bytes (?P<first>\d+)-(?P<last>\d+)")
#: Metadata: the run that an object belongs to, and a digest of the inputs that it was made from.
RUN_ID, MADE_FROM = "run-id", "made-from"


class Hook(Protocol):
    """The part of Airflow's S3Hook that is used here."""

    def get_conn(self) -> Any: ...

    @staticmethod
    def parse_s3_url(s3url: str) -> tuple[str, str]: ...


class Client:
    """A Hook over a boto3 client, for programs without Airflow: Spark jobs and local commands."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def get_conn(self) -> Any:
        return self._client

    @staticmethod
    def parse_s3_url(s3url: str) -> tuple[str, str]:
        bucket, _, key = s3url.removeprefix("s3://").partition("/")
        return bucket, key


class ObjectState(TypedDict):
    """An object in S3. `version_id` is None in a bucket without versioning.

    `written_at` is in UTC, ISO 8601 with a Z, by the clock of the store.
    """

    key: str
    etag: str
    version_id: str | None
    bytes: int
    written_at: NotRequired[str]


def add_object_urls(function: Callable[_Parameters, _Result]) -> Callable[_Parameters, _Result]:
    """Add a note with the URLs of the objects to every error, since errors of S3 often lack them."""

    @wraps(function)
    def call(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Result:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            urls = [each for each in args if isinstance(each, str) and each.startswith("s3://")]
            error.add_note(" to ".join(urls))
            raise

    return call


@add_object_urls
def head_object(hook: Hook, url: str) -> ObjectState:
    """The state of an object that exists."""
    head = hook.get_conn().head_object(**locate(hook, url))
    return {
        "key": url,
        "etag": head["ETag"].strip('"'),
        "version_id": head.get("VersionId"),
        "bytes": head["ContentLength"],
        "written_at": format_instant(head["LastModified"]),
    }


def find_object(hook: Hook, url: str) -> ObjectState | None:
    """The state of an object, or None if it does not exist."""
    return _none_if_missing(lambda: head_object(hook, url))


@add_object_urls
def read_object(hook: Hook, url: str) -> tuple[ObjectState, bytes] | None:
    """The state and the content of a small object, or None if it does not exist."""

    def read() -> tuple[ObjectState, bytes]:
        answer = hook.get_conn().get_object(**locate(hook, url))
        body: bytes = answer["Body"].read()
        etag = answer["ETag"].strip('"')
        return {"key": url, "etag": etag, "version_id": answer.get("VersionId"), "bytes": len(body)}, body

    return _none_if_missing(read)


def _none_if_missing(read: Callable[[], _Result]) -> _Result | None:
    from botocore.exceptions import ClientError

    try:
        return read()
    except ClientError as error:
        if is_missing(error):
            return None
        raise


def is_missing(error: "ClientError") -> bool:
    """Whether the object, or the requested version of it, does not exist."""
    return bool(error.response["ResponseMetadata"]["HTTPStatusCode"] == 404)


@add_object_urls
def download_file(hook: Hook, url: str, path: Path, *, version_id: str | None = None) -> None:
    """Download an object, or one version of it, to a local file.

    Raises
    ------
    RetryableError: a response was truncated.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    client = hook.get_conn()
    client.meta.events.register(
        "after-call.s3.GetObject", require_whole_range, unique_id=require_whole_range.__name__
    )
    extra = {"VersionId": version_id} if version_id else {}
    client.download_file(**locate(hook, url), Filename=str(path), ExtraArgs=extra)
    log.info("Read %s (%s bytes)", url, f"{path.stat().st_size:,}")


def require_whole_range(parsed: Mapping[str, Any], **_: Any) -> None:
    """Reject a response that is shorter than its own Content-Range.

    A proxy can truncate a response and adjust its length. The client writes the parts of a large object to
    their offsets, so the missing bytes would become zeros in a file of the right size.
    """
    found = _RANGE.match(parsed.get("ContentRange", ""))
    if found and parsed["ContentLength"] != int(found["last"]) - int(found["first"]) + 1:
        raise RetryableError(
            f"Received only {parsed['ContentLength']:,} bytes of {found[0]}. This may be temporary; Airflow "
            "will retry."
        )


@add_object_urls
def upload_file(
    hook: Hook, path: Path, url: str, content_type: str | None = None, *, made_from: str | None = None
) -> None:
    """Store a local file as one object, atomically. `made_from` goes into its metadata."""
    extra: dict[str, Any] = {"ContentType": content_type} if content_type else {}
    if made_from:
        extra["Metadata"] = {MADE_FROM: made_from}
    hook.get_conn().upload_file(Filename=str(path), **locate(hook, url), ExtraArgs=extra)
    log.info("Wrote %s (%s bytes)", url, f"{path.stat().st_size:,}")


def read_json(hook: Hook, url: str) -> dict[str, Any] | None:
    """A JSON document, or None if it does not exist."""
    found = read_object(hook, url)
    return json.loads(found[1]) if found else None


@add_object_urls
def write_json(hook: Hook, document: Mapping[str, Any], url: str, **condition: str) -> None:
    """Store a document as indented JSON; `condition` is as for `write_text`."""
    write_text(hook, json.dumps(document, indent=2, ensure_ascii=False), url, "application/json", **condition)
    log.info("Wrote %s", url)


@add_object_urls
def write_text(hook: Hook, text: str, url: str, content_type: str, **condition: str) -> None:
    """Store a text; `condition` is a parameter of `put_object`, such as `IfMatch`."""
    hook.get_conn().put_object(**locate(hook, url), Body=text.encode(), ContentType=content_type, **condition)


def delete_objects(hook: Hook, urls: Sequence[str]) -> None:
    """Delete objects of one bucket. Objects that do not exist are ignored."""
    delete_locations(hook, [locate(hook, url) for url in urls])


def delete_locations(hook: Hook, locations: Sequence[dict[str, str]]) -> None:
    """Delete objects of one bucket by Bucket, Key and, for a single version, VersionId.

    Raises
    ------
    ClientError: S3 could not delete one of them; looks like the error of a request for that object alone.
    """
    from botocore.exceptions import ClientError

    for start in range(0, len(locations), _MOST_DELETED_AT_ONCE):
        batch = [dict(location) for location in locations[start : start + _MOST_DELETED_AT_ONCE]]
        (bucket,) = {location.pop("Bucket") for location in batch}
        answer = hook.get_conn().delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
        for error in answer.get("Errors", []):
            details = {"Error": {**error, "Resource": f"s3://{bucket}/{error['Key']}"}}
            raise ClientError({**details, "ResponseMetadata": answer["ResponseMetadata"]}, "DeleteObjects")


def locate(hook: Hook, url: str) -> dict[str, str]:
    """Bucket and Key, as the parameters of a request."""
    bucket, key = hook.parse_s3_url(url)
    return {"Bucket": bucket, "Key": key}
