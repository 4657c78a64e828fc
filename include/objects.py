"""S3 objects by URL, through the hook. Nothing else in the project talks to S3."""

import datetime as dt
import io
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
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
_RUN_ID, _MADE_FROM = "run-id", "made-from"
#: A part of an upload, except the last one, has at least so many bytes.
SMALLEST_PART_BYTES = 5 * 1024**2


class Hook(Protocol):
    """What is used of S3Hook, so that a Spark job, which has no Airflow, can bring its own."""

    def get_conn(self) -> Any: ...

    @staticmethod
    def parse_s3_url(s3url: str) -> tuple[str, str]: ...


@dataclass(frozen=True)
class ObjectVersion:
    """One version of an object, or the marker that it was deleted."""

    url: str
    version_id: str
    written_at: dt.datetime
    is_delete_marker: bool


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
    head = hook.get_conn().head_object(**_location(hook, url))
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
        answer = hook.get_conn().get_object(**_location(hook, url))
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
        extra |= {"Metadata": {_RUN_ID: run_id}, "MetadataDirective": "REPLACE"}
    hook.get_conn().copy(
        _location(hook, source),
        **_location(hook, target),
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
    origin = _location(hook, source) | ({"VersionId": version_id} if version_id else {})
    head = hook.get_conn().head_object(**origin)
    size: int = head["ContentLength"]
    if made_from and head["Metadata"].get(_MADE_FROM, made_from) != made_from:
        raise StagedChangedError(
            f"{source} was written by an earlier try that was held up, from other raw files. Nothing of it "
            "was published. Clear this run from transform on."
        )
    if size > _LARGEST_SINGLE_COPY_BYTES:
        # In parts there is no condition; whoever publishes looks at the end whether all is in order.
        return copy_object(hook, source, target)
    with _conditional(target):
        answer = hook.get_conn().copy_object(
            **_location(hook, target),
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
        **_location(hook, url),
        Filename=str(path),
        ExtraArgs={"VersionId": version_id} if version_id else {},
    )
    log.info("Read %s (%s bytes)", url, f"{path.stat().st_size:,}")


class RemoteFile(io.RawIOBase):
    """An object as a file that fetches only what is read of it.

    Where the state names a version it is that one, whatever becomes of the object; elsewhere reading fails
    once the object is replaced.
    """

    def __init__(self, hook: Hook, state: Mapping[str, Any]) -> None:
        version = {"VersionId": state["version_id"]} if state["version_id"] else {}
        self._client, self._location = hook.get_conn(), _location(hook, state["key"]) | version
        self._etag, self._size, self._position = f'"{state["etag"]}"', int(state["bytes"]), 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        end = min(self._position + len(buffer), self._size)
        if end <= self._position:
            return 0
        part = f"bytes={self._position}-{end - 1}"
        answer = self._client.get_object(**self._location, Range=part, IfMatch=self._etag)
        count = end - self._position
        buffer[:count] = answer["Body"].read()
        self._position = end
        return count


@_says_where
def upload_file(
    hook: Hook, path: Path, url: str, content_type: str | None = None, *, made_from: str | None = None
) -> None:
    """Store a local file as one object: a reader sees the old object or the new one, never half.

    With `made_from` the object says what it was made from.
    """
    extra: dict[str, Any] = {"ContentType": content_type} if content_type else {}
    if made_from:
        extra["Metadata"] = {_MADE_FROM: made_from}
    hook.get_conn().upload_file(
        Filename=str(path),
        **_location(hook, url),
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
    hook.get_conn().put_object(**_location(hook, url), Body=body, ContentType="application/json", **condition)
    log.info("Wrote %s", url)


def read_run_id(hook: Hook, version: ObjectVersion) -> str | None:
    """Which run the object says that it belongs to."""
    head = hook.get_conn().head_object(**_location(hook, version.url), VersionId=version.version_id)
    run_id: str | None = head["Metadata"].get(_RUN_ID)
    return run_id


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
    _delete(
        hook,
        [{**_location(hook, version.url), "VersionId": version.version_id} for version in versions],
    )


def delete_objects(hook: Hook, urls: Sequence[str]) -> None:
    """Remove objects, all of one bucket, whether they exist or not."""
    _delete(hook, [_location(hook, url) for url in urls])


def _delete(hook: Hook, places: Sequence[dict[str, str]]) -> None:
    from botocore.exceptions import ClientError

    for start in range(0, len(places), _MOST_DELETED_AT_ONCE):
        batch = [dict(place) for place in places[start : start + _MOST_DELETED_AT_ONCE]]
        (bucket,) = {place.pop("Bucket") for place in batch}
        answer = hook.get_conn().delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
        for error in answer.get("Errors", []):
            raise ClientError({"Error": error}, "DeleteObjects")


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


def open_object(
    hook: Hook, url: str, start: int = 0, stop: int | None = None, *, if_etag: str | None = None
) -> Any:
    """A stream of the object's bytes from `start` to before `stop`; at least one byte.

    With `if_etag`, fails unless the object still has that ETag.
    """
    extra = {"Range": f"bytes={start}-{'' if stop is None else stop - 1}"} if start or stop else {}
    if if_etag:
        extra["IfMatch"] = f'"{if_etag}"'
    return hook.get_conn().get_object(**_location(hook, url), **extra)["Body"]


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Bytes of an object, or bytes that are at hand."""

    url: str = ""
    body: bytes = b""
    start: int
    stop: int

    @classmethod
    def of(cls, body: bytes) -> "Segment":
        return cls(body=body, start=0, stop=len(body))

    @property
    def bytes(self) -> int:
        return self.stop - self.start


def join_segments(
    hook: Hook, segments: Sequence[Segment], target: str, pool: ThreadPoolExecutor, *, made_from: str
) -> None:
    """Store segments behind each other as one object; a reader sees all of it or none.

    What is large enough for a part of its own is copied inside S3. The object says what it was made from.
    """
    groups, s3, location = group_segments(segments), hook.get_conn(), _location(hook, target)
    metadata = {_MADE_FROM: made_from}
    if len(groups) == 1:
        s3.put_object(**location, Body=_read_segments(hook, groups[0]), Metadata=metadata)
        return
    started = s3.create_multipart_upload(**location, Metadata=metadata)
    upload = {**location, "UploadId": started["UploadId"]}
    try:
        numbers = range(1, len(groups) + 1)
        parts = list(pool.map(lambda number: _store_part(hook, groups[number - 1], upload, number), numbers))
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    except BaseException:
        s3.abort_multipart_upload(**upload)
        raise
    log.info("Wrote %s (%s parts)", target, len(groups))


def group_segments(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Segments, in order, in groups that are large enough for a part; the last may be smaller."""
    groups: list[list[Segment]] = [[]]
    for segment in segments:
        if sum(each.bytes for each in groups[-1]) >= SMALLEST_PART_BYTES:
            groups.append([])
        groups[-1].append(segment)
    return groups


def _store_part(hook: Hook, group: list[Segment], upload: dict[str, str], number: int) -> dict[str, Any]:
    s3, part = hook.get_conn(), {**upload, "PartNumber": number}
    if len(group) == 1 and group[0].url and group[0].bytes >= SMALLEST_PART_BYTES:
        source, span = _location(hook, group[0].url), f"bytes={group[0].start}-{group[0].stop - 1}"
        stored = s3.upload_part_copy(**part, CopySource=source, CopySourceRange=span)["CopyPartResult"]
    else:
        stored = s3.upload_part(**part, Body=_read_segments(hook, group))
    return {"PartNumber": number, "ETag": stored["ETag"]}


def _read_segments(hook: Hook, group: list[Segment]) -> bytes:
    return b"".join(
        open_object(hook, each.url, each.start, each.stop).read() if each.url else each.body for each in group
    )


def _location(hook: Hook, url: str) -> dict[str, str]:
    bucket, key = hook.parse_s3_url(url)
    return {"Bucket": bucket, "Key": key}
