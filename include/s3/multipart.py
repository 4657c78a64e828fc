"""Assembles one S3 object from parts of other objects; large parts are copied inside S3."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from include.s3.objects import MADE_FROM, Hook, locate
from include.s3.streams import open_object

log = logging.getLogger(__name__)

#: The minimum size of every part of an upload except the last one.
SMALLEST_PART_BYTES = 5 * 1024**2


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A range of an object, or bytes in memory."""

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
    """Concatenate segments into one object, atomically. `made_from` goes into its metadata."""
    groups, s3, location = group_segments(segments), hook.get_conn(), locate(hook, target)
    metadata = {MADE_FROM: made_from}
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
    """Group consecutive segments so that each group, except the last one, is large enough for a part."""
    groups: list[list[Segment]] = [[]]
    for segment in segments:
        if sum(each.bytes for each in groups[-1]) >= SMALLEST_PART_BYTES:
            groups.append([])
        groups[-1].append(segment)
    return groups


def _store_part(hook: Hook, group: list[Segment], upload: dict[str, str], number: int) -> dict[str, Any]:
    s3, part = hook.get_conn(), {**upload, "PartNumber": number}
    if len(group) == 1 and group[0].url and group[0].bytes >= SMALLEST_PART_BYTES:
        source, span = locate(hook, group[0].url), f"bytes={group[0].start}-{group[0].stop - 1}"
        stored = s3.upload_part_copy(**part, CopySource=source, CopySourceRange=span)["CopyPartResult"]
    else:
        stored = s3.upload_part(**part, Body=_read_segments(hook, group))
    return {"PartNumber": number, "ETag": stored["ETag"]}


def _read_segments(hook: Hook, group: list[Segment]) -> bytes:
    return b"".join(
        open_object(hook, each.url, each.start, each.stop).read() if each.url else each.body for each in group
    )
