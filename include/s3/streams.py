"""Parts of S3 objects: reads ranges and streams without fetching a large object as a whole."""

import io
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from include.s3.objects import Hook, is_missing, locate, require_whole_range

if TYPE_CHECKING:
    from botocore.response import StreamingBody

_CHUNK_BYTES = 64 * 1024


def open_object(
    hook: Hook,
    url: str,
    start: int = 0,
    stop: int | None = None,
    *,
    if_etag: str | None = None,
    version_id: str | None = None,
) -> Any:
    """A stream of the bytes from `start` up to but not including `stop`; the range must not be empty.

    `if_etag` fails unless the object has that ETag; `version_id` selects a version.

    Raises
    ------
    RetryableError: the response was truncated.
    """
    extra = {"Range": f"bytes={start}-{'' if stop is None else stop - 1}"} if start or stop else {}
    if if_etag:
        extra["IfMatch"] = f'"{if_etag}"'
    if version_id:
        extra["VersionId"] = version_id
    answer = hook.get_conn().get_object(**locate(hook, url), **extra)
    require_whole_range(answer)
    return answer["Body"]


class RemoteFile(io.RawIOBase):
    """An object as a seekable file that fetches only the ranges that are read.

    It reads the version that the state names. In a bucket without versioning, reading fails once the object
    has been replaced.
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
        state, start = self._state, self._position
        end: int = min(start + len(buffer), state["bytes"])
        if end <= start:
            return 0
        stream = open_object(
            self._hook, state["key"], start, end, if_etag=state["etag"], version_id=state["version_id"]
        )
        buffer[: end - start] = stream.read()
        self._position = end
        return end - start


class Opened:
    """The content of an object, or only its ETag if the reader already has the content.

    `etag` is in quotes, as in HTTP headers.
    """

    def __init__(self, etag: str, body: "StreamingBody | None", size: int = 0) -> None:
        self.etag = etag
        self.size = size
        self._body = body

    @property
    def is_unchanged(self) -> bool:
        return self._body is None

    def read(self) -> Iterator[bytes]:
        """The content in chunks."""
        if self._body:
            yield from self._body.iter_chunks(_CHUNK_BYTES)

    def close(self) -> None:
        if self._body:
            self._body.close()


def open_unless_known(hook: Hook, url: str, known_etag: str | None) -> Opened | None:
    """The object, without content if it still has the ETag `known_etag`; None if it does not exist."""
    from botocore.exceptions import ClientError

    condition = {"IfNoneMatch": known_etag} if known_etag else {}
    try:
        found = hook.get_conn().get_object(**locate(hook, url), **condition)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 304:
            return Opened(known_etag or "", None)
        if is_missing(error):
            return None
        raise
    return Opened(found["ETag"], found["Body"], found["ContentLength"])
