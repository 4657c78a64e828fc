"""S3 objects by URL, through the hook. Nothing else in the project talks to S3."""

import json
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypedDict

log = logging.getLogger(__name__)

#: S3 copies objects of up to 5 GiB in one request; larger ones go in parts.
_LARGEST_SINGLE_COPY_BYTES = 5 * 1024**3
#: A part of an upload, except the last one, has at least so many bytes.
SMALLEST_PART_BYTES = 5 * 1024**2


class Hook(Protocol):
    """What is used of S3Hook, so that a Spark job, which has no Airflow, can bring its own."""

    def get_conn(self) -> Any: ...

    @staticmethod
    def parse_s3_url(s3url: str) -> tuple[str, str]: ...


class ObjectState(TypedDict):
    """What S3 says of an object. `version_id` is None in a bucket without versioning."""

    key: str
    etag: str
    version_id: str | None
    bytes: int


def head_object(hook: Hook, url: str) -> ObjectState:
    """The state of an object that exists."""
    head = hook.get_conn().head_object(**_location(hook, url))
    return {
        "key": url,
        "etag": head["ETag"].strip('"'),
        "version_id": head.get("VersionId"),
        "bytes": head["ContentLength"],
    }


def copy_object(hook: Hook, source: str, target: str, *, if_etag: str | None = None) -> ObjectState:
    """Copy on the server. With `if_etag`, fails unless the source still has that ETag."""
    from boto3.s3.transfer import TransferConfig

    hook.get_conn().copy(
        _location(hook, source),
        **_location(hook, target),
        ExtraArgs={"CopySourceIfMatch": f'"{if_etag}"'} if if_etag else {},
        Config=TransferConfig(multipart_threshold=_LARGEST_SINGLE_COPY_BYTES, multipart_chunksize=1024**3),
    )
    state = head_object(hook, target)
    log.info("Copied %s to %s (%s bytes)", source, target, f"{state['bytes']:,}")
    return state


def download_file(hook: Hook, url: str, path: Path) -> None:
    """Fetch an object into a local file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hook.get_conn().download_file(**_location(hook, url), Filename=str(path))
    log.info("Read %s (%s bytes)", url, f"{path.stat().st_size:,}")


def upload_file(hook: Hook, path: Path, url: str, content_type: str | None = None) -> None:
    """Store a local file as one object: a reader sees the old object or the new one, never half."""
    hook.get_conn().upload_file(
        Filename=str(path),
        **_location(hook, url),
        ExtraArgs={"ContentType": content_type} if content_type else {},
    )
    log.info("Wrote %s (%s bytes)", url, f"{path.stat().st_size:,}")


def write_json(hook: Hook, document: Mapping[str, Any], url: str) -> None:
    """Store a document as readable JSON."""
    body = json.dumps(document, indent=2, ensure_ascii=False).encode()
    hook.get_conn().put_object(**_location(hook, url), Body=body, ContentType="application/json")
    log.info("Wrote %s", url)


def open_object(hook: Hook, url: str, start: int = 0, stop: int | None = None) -> Any:
    """A stream of the object's bytes from `start` to before `stop`; at least one byte."""
    span = {"Range": f"bytes={start}-{'' if stop is None else stop - 1}"} if start or stop else {}
    return hook.get_conn().get_object(**_location(hook, url), **span)["Body"]


def delete_objects(hook: Hook, urls: Sequence[str]) -> None:
    """Remove objects, all of one bucket, whether they exist or not."""
    for first in range(0, len(urls), 1000):
        locations = [_location(hook, url) for url in urls[first : first + 1000]]
        hook.get_conn().delete_objects(
            Bucket=locations[0]["Bucket"],
            Delete={"Objects": [{"Key": location["Key"]} for location in locations], "Quiet": True},
        )


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


def join_segments(hook: Hook, segments: Sequence[Segment], target: str, pool: ThreadPoolExecutor) -> None:
    """Store segments behind each other as one object; a reader sees all of it or none.

    What is large enough for a part of its own is copied inside S3.
    """
    groups, s3, location = group_segments(segments), hook.get_conn(), _location(hook, target)
    if len(groups) == 1:
        s3.put_object(**location, Body=_read_segments(hook, groups[0]))
        return
    upload = {**location, "UploadId": s3.create_multipart_upload(**location)["UploadId"]}
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
