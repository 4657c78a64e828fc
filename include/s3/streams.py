"""S3 objects piece by piece: what is large, or only partly wanted, is never fetched as a whole."""

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
    """A stream of the object's bytes from `start` to before `stop`; at least one byte.

    With `if_etag`, fails unless the object still has that ETag; `version_id` names one version of it.

    Raises
    ------
    RetryableError: the bytes were cut off on their way.
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


class Opened:
    """An object that is being read, or only the news that the reader has it already.

    `etag` is as HTTP writes it, in quotes: it goes on to a browser.
    """

    def __init__(self, etag: str, body: "StreamingBody | None", size: int = 0) -> None:
        self.etag = etag
        self.size = size
        self._body = body

    @property
    def is_unchanged(self) -> bool:
        return self._body is None

    def read(self) -> Iterator[bytes]:
        """The content, piece by piece."""
        if self._body:
            yield from self._body.iter_chunks(_CHUNK_BYTES)

    def close(self) -> None:
        """Read no more."""
        if self._body:
            self._body.close()


def open_unless_known(hook: Hook, url: str, known_etag: str | None) -> Opened | None:
    """The object, unless it still has the ETag that the reader knows; None where there is none."""
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
