"""S3 objects by URL, through the hook. Nothing else in the project talks to S3."""

import io
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired, ParamSpec, Protocol, TypedDict, TypeVar

from include.day import format_instant
from include.errors import StagedChangedError

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

log = logging.getLogger(__name__)

Found = TypeVar("Found")
Given = ParamSpec("Given")

#: S3 copies objects of up to 5 GiB in one request; larger ones go in parts.
_LARGEST_SINGLE_COPY_BYTES = 5 * 1024**3
_MOST_DELETED_AT_ONCE = 1000
#: The object is not there, is written by somebody else at this moment, or has another ETag.
_CONDITION_FAILED = (404, 409, 412)
#: The metadata that says which run an object belongs to, and what it was made from.
RUN_ID, MADE_FROM = "run-id", "made-from"


class Hook(Protocol):
    """What is used of S3Hook, so that a Spark job, which has no Airflow, can bring its own."""

    def get_conn(self) -> Any: ...

    @staticmethod
    def parse_s3_url(s3url: str) -> tuple[str, str]: ...


class ObjectChangedError(Exception):
    """An object was to be replaced as it was, and is another one by now."""


class ObjectState(TypedDict):
    """What S3 says of an object. `version_id` is None in a bucket without versioning.

    `written_at` is in UTC, ISO 8601 with a Z, by the store's own clock.
    """

    key: str
    etag: str
    version_id: str | None
    bytes: int
    written_at: NotRequired[str]


def _says_where(function: Callable[Given, Found]) -> Callable[Given, Found]:
    """Have an error name the objects that it is about, which S3 does not always say: a note on the error."""

    @wraps(function)
    def call(*args: Given.args, **kwargs: Given.kwargs) -> Found:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            urls = [each for each in args if isinstance(each, str) and each.startswith("s3://")]
            error.add_note(" to ".join(urls))
            raise

    return call


@_says_where
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
    """The state of an object, or None where there is none."""
    return _unless_missing(lambda: head_object(hook, url))


@_says_where
def read_object(hook: Hook, url: str) -> tuple[ObjectState, bytes] | None:
    """A small object and its state at that moment, or None where there is none."""

    def read() -> tuple[ObjectState, bytes]:
        answer = hook.get_conn().get_object(**locate(hook, url))
        body: bytes = answer["Body"].read()
        etag = answer["ETag"].strip('"')
        return {"key": url, "etag": etag, "version_id": answer.get("VersionId"), "bytes": len(body)}, body

    return _unless_missing(read)


def _unless_missing(read: Callable[[], Found]) -> Found | None:
    from botocore.exceptions import ClientError

    try:
        return read()
    except ClientError as error:
        if is_missing(error):
            return None
        raise


def is_missing(error: "ClientError") -> bool:
    """Whether S3 said that there is no such object, or no such version of it."""
    return bool(error.response["ResponseMetadata"]["HTTPStatusCode"] == 404)


@_says_where
def copy_object(
    hook: Hook, source: str, target: str, *, if_etag: str | None = None, run_id: str | None = None
) -> ObjectState:
    """Copy on the server. With `if_etag`, fails unless the source still has that ETag.

    With `run_id` the copy says which run it belongs to.
    """
    from boto3.s3.transfer import TransferConfig

    extra: dict[str, Any] = {"CopySourceIfMatch": f'"{if_etag}"'} if if_etag else {}
    if run_id:
        extra |= {"Metadata": {RUN_ID: run_id}, "MetadataDirective": "REPLACE"}
    hook.get_conn().copy(
        locate(hook, source),
        **locate(hook, target),
        ExtraArgs=extra,
        Config=TransferConfig(multipart_threshold=_LARGEST_SINGLE_COPY_BYTES, multipart_chunksize=1024**3),
    )
    state = head_object(hook, target)
    log.info("Copied %s to %s (%s bytes)", source, target, f"{state['bytes']:,}")
    return state


@_says_where
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
    origin = locate(hook, source) | ({"VersionId": version_id} if version_id else {})
    head = hook.get_conn().head_object(**origin)
    size: int = head["ContentLength"]
    if made_from and head["Metadata"].get(MADE_FROM, made_from) != made_from:
        raise StagedChangedError(
            f"{source} was written by an earlier try that was held up, from other raw files. Nothing of it "
            "was published. Clear this run from transform on."
        )
    if size > _LARGEST_SINGLE_COPY_BYTES:
        # In parts there is no condition; whoever publishes looks at the end whether all is in order.
        return copy_object(hook, source, target)
    with _conditional(target):
        answer = hook.get_conn().copy_object(
            **locate(hook, target),
            CopySource=origin,
            CopySourceIfMatch=head["ETag"],
            **_make_condition(etag),
        )
    log.info("Copied %s to %s (%s bytes)", source, target, f"{size:,}")
    return {
        "key": target,
        "etag": answer["CopyObjectResult"]["ETag"].strip('"'),
        "version_id": answer.get("VersionId"),
        "bytes": size,
        "written_at": format_instant(answer["CopyObjectResult"]["LastModified"]),
    }


@_says_where
def replace_json(hook: Hook, document: Mapping[str, Any], url: str, etag: str | None) -> None:
    """Store a document, if the object still has that ETag, or for None, if it is not there.

    Raises
    ------
    ObjectChangedError: the object is another one by now.
    """
    with _conditional(url):
        _put_json(hook, document, url, **_make_condition(etag))


@contextmanager
def _conditional(url: str) -> Iterator[None]:
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in _CONDITION_FAILED:
            raise ObjectChangedError(f"{url} is another one by now") from error
        raise


def _make_condition(etag: str | None) -> dict[str, str]:
    return {"IfMatch": f'"{etag}"'} if etag else {"IfNoneMatch": "*"}


@_says_where
def download_file(hook: Hook, url: str, path: Path, *, version_id: str | None = None) -> None:
    """Fetch an object, or one version of it, into a local file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hook.get_conn().download_file(
        **locate(hook, url),
        Filename=str(path),
        ExtraArgs={"VersionId": version_id} if version_id else {},
    )
    log.info("Read %s (%s bytes)", url, f"{path.stat().st_size:,}")


def open_object(
    hook: Hook,
    url: str,
    start: int = 0,
    stop: int | None = None,
    *,
    if_etag: str | None = None,
    version_id: str | None = None,
) -> Any:
    """A stream of the object's bytes from `start` to before `stop`; at least one byte.

    With `if_etag`, fails unless the object still has that ETag; `version_id` names one version of it.
    """
    extra = {"Range": f"bytes={start}-{'' if stop is None else stop - 1}"} if start or stop else {}
    if if_etag:
        extra["IfMatch"] = f'"{if_etag}"'
    if version_id:
        extra["VersionId"] = version_id
    return hook.get_conn().get_object(**locate(hook, url), **extra)["Body"]


class RemoteFile(io.RawIOBase):
    """An object as a file that fetches only what is read of it.

    Where the state names a version it is that one, whatever becomes of the object; elsewhere reading fails
    once the object is replaced.
    """

    def __init__(self, hook: Hook, state: Mapping[str, Any]) -> None:
        self._hook, self._state, self._position = hook, state, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._state["bytes"]}[whence]
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        size: int = self._state["bytes"]
        start, end = self._position, min(self._position + len(buffer), size)
        if end <= start:
            return 0
        state = self._state
        stream = open_object(
            self._hook, state["key"], start, end, if_etag=state["etag"], version_id=state["version_id"]
        )
        buffer[: end - start] = stream.read()
        self._position = end
        return end - start


@_says_where
def upload_file(
    hook: Hook, path: Path, url: str, content_type: str | None = None, *, made_from: str | None = None
) -> None:
    """Store a local file as one object: a reader sees the old object or the new one, never half.

    With `made_from` the object says what it was made from.
    """
    extra: dict[str, Any] = {"ContentType": content_type} if content_type else {}
    if made_from:
        extra["Metadata"] = {MADE_FROM: made_from}
    hook.get_conn().upload_file(
        Filename=str(path),
        **locate(hook, url),
        ExtraArgs=extra,
    )
    log.info("Wrote %s (%s bytes)", url, f"{path.stat().st_size:,}")


def read_json(hook: Hook, url: str) -> dict[str, Any] | None:
    """The document, or None where there is none."""
    found = read_object(hook, url)
    return json.loads(found[1]) if found else None


@_says_where
def write_json(hook: Hook, document: Mapping[str, Any], url: str) -> None:
    """Store a document as readable JSON."""
    _put_json(hook, document, url)


def _put_json(hook: Hook, document: Mapping[str, Any], url: str, **condition: str) -> None:
    body = json.dumps(document, indent=2, ensure_ascii=False).encode()
    hook.get_conn().put_object(**locate(hook, url), Body=body, ContentType="application/json", **condition)
    log.info("Wrote %s", url)


def delete_objects(hook: Hook, urls: Sequence[str]) -> None:
    """Remove objects, all of one bucket, whether they exist or not."""
    delete_places(hook, [locate(hook, url) for url in urls])


def delete_places(hook: Hook, places: Sequence[dict[str, str]]) -> None:
    """Remove what is at the places, all of one bucket: bucket, key and perhaps version of each."""
    from botocore.exceptions import ClientError

    for start in range(0, len(places), _MOST_DELETED_AT_ONCE):
        batch = [dict(place) for place in places[start : start + _MOST_DELETED_AT_ONCE]]
        (bucket,) = {place.pop("Bucket") for place in batch}
        answer = hook.get_conn().delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
        for error in answer.get("Errors", []):
            raise ClientError({"Error": error}, "DeleteObjects")


def locate(hook: Hook, url: str) -> dict[str, str]:
    """The bucket and the key, as the parameters of a request."""
    bucket, key = hook.parse_s3_url(url)
    return {"Bucket": bucket, "Key": key}
