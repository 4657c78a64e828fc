"""S3 objects by URL, through the hook, each as a whole.

Only this module and its neighbours talk to S3: `object_streams` reads pieces, `object_conditions` replaces
what nobody else has replaced, `object_parts` joins, `object_listings` and `object_versions` list.
"""

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

Found = TypeVar("Found")
Given = ParamSpec("Given")

_MOST_DELETED_AT_ONCE = 1000
_RANGE = re.compile(r"bytes (?P<first>\d+)-(?P<last>\d+)")
#: The metadata that says which run an object belongs to, and what it was made from.
RUN_ID, MADE_FROM = "run-id", "made-from"


class Hook(Protocol):
    """What is used of S3Hook, so that a Spark job, which has no Airflow, can bring its own."""

    def get_conn(self) -> Any: ...

    @staticmethod
    def parse_s3_url(s3url: str) -> tuple[str, str]: ...


class ObjectState(TypedDict):
    """What S3 says of an object. `version_id` is None in a bucket without versioning.

    `written_at` is in UTC, ISO 8601 with a Z, by the store's own clock.
    """

    key: str
    etag: str
    version_id: str | None
    bytes: int
    written_at: NotRequired[str]


def add_object_urls(function: Callable[Given, Found]) -> Callable[Given, Found]:
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
    """The state of an object, or None where there is none."""
    return _unless_missing(lambda: head_object(hook, url))


@add_object_urls
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


@add_object_urls
def download_file(hook: Hook, url: str, path: Path, *, version_id: str | None = None) -> None:
    """Fetch an object, or one version of it, into a local file.

    Raises
    ------
    RetryableError: a part was cut off on its way.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    client = hook.get_conn()
    client.meta.events.register(
        "after-call.s3.GetObject", require_whole_range, unique_id=require_whole_range.__name__
    )
    client.download_file(
        **locate(hook, url),
        Filename=str(path),
        ExtraArgs={"VersionId": version_id} if version_id else {},
    )
    log.info("Read %s (%s bytes)", url, f"{path.stat().st_size:,}")


def require_whole_range(parsed: Mapping[str, Any], **_: Any) -> None:
    """Refuse an answer that is shorter than the range that it says it holds.

    Somebody on the way may cut it off and give it a length that fits. Of a large object that the client
    fetches in parts, each written to its place, the rest would be a hole of zeros in a file of the right
    size.
    """
    found = _RANGE.match(parsed.get("ContentRange", ""))
    if found and parsed["ContentLength"] != int(found["last"]) - int(found["first"]) + 1:
        raise RetryableError(
            f"Of {found[0]} only {parsed['ContentLength']:,} bytes arrived. The next try may go well."
        )


@add_object_urls
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


@add_object_urls
def write_json(hook: Hook, document: Mapping[str, Any], url: str, **condition: str) -> None:
    """Store a document as readable JSON, under a condition in the words of S3 if there is one."""
    write_text(hook, json.dumps(document, indent=2, ensure_ascii=False), url, "application/json", **condition)
    log.info("Wrote %s", url)


@add_object_urls
def write_text(hook: Hook, text: str, url: str, content_type: str, **condition: str) -> None:
    """Store a text of which S3 says what it is, under a condition in the words of S3 if there is one."""
    hook.get_conn().put_object(**locate(hook, url), Body=text.encode(), ContentType=content_type, **condition)


def delete_objects(hook: Hook, urls: Sequence[str]) -> None:
    """Remove objects, all of one bucket, whether they exist or not."""
    delete_places(hook, [locate(hook, url) for url in urls])


def delete_places(hook: Hook, places: Sequence[dict[str, str]]) -> None:
    """Remove what is at the places, all of one bucket: bucket, key and perhaps version of each.

    Raises
    ------
    ClientError: S3 left one of them; as if it had been asked for that one alone.
    """
    from botocore.exceptions import ClientError

    for start in range(0, len(places), _MOST_DELETED_AT_ONCE):
        batch = [dict(place) for place in places[start : start + _MOST_DELETED_AT_ONCE]]
        (bucket,) = {place.pop("Bucket") for place in batch}
        answer = hook.get_conn().delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
        for error in answer.get("Errors", []):
            refusal = {"Error": {**error, "Resource": f"s3://{bucket}/{error['Key']}"}}
            raise ClientError({**refusal, "ResponseMetadata": answer["ResponseMetadata"]}, "DeleteObjects")


def locate(hook: Hook, url: str) -> dict[str, str]:
    """The bucket and the key, as the parameters of a request."""
    bucket, key = hook.parse_s3_url(url)
    return {"Bucket": bucket, "Key": key}
