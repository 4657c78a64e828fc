"""What answers of S3 mean, and how bytes are grouped for an upload in parts."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from include.errors import RetryableError
from include.s3.conditional import ObjectChangedError, replace_object
from include.s3.multipart import SMALLEST_PART_BYTES, Segment, group_segments
from include.s3.objects import find_object, read_json, read_object, require_whole_range
from include.s3.streams import open_object
from tests.memory_s3 import MemoryS3

URL = "s3://ecommerce-curated/x.json"


@pytest.mark.parametrize("read", [find_object, read_object, read_json])
@pytest.mark.parametrize("status", [403, 400, 500, 503])
def test_only_a_404_means_missing(s3: MemoryS3, read: Any, status: int) -> None:
    assert read(s3, URL) is None

    s3.failures = {"HeadObject": status, "GetObject": status}
    with pytest.raises(ClientError):
        read(s3, URL)


def test_parts_of_an_upload_are_large_enough_but_for_the_last() -> None:
    sizes = [1, 2 * SMALLEST_PART_BYTES, 5, SMALLEST_PART_BYTES - 1, 3, SMALLEST_PART_BYTES, 7]
    segments = [Segment(url=f"s3://c/{number}", start=4, stop=4 + size) for number, size in enumerate(sizes)]

    groups = group_segments(segments)

    assert [segment for group in groups for segment in group] == segments
    assert [[segment.bytes for segment in group] for group in groups] == [
        *(sizes[:2], sizes[2:4], sizes[4:6], sizes[6:])
    ]


def test_part_that_was_cut_off_is_retried() -> None:
    require_whole_range({"ContentRange": "bytes 5-14/20", "ContentLength": 10})
    require_whole_range({"ContentLength": 10})

    with pytest.raises(RetryableError, match="Received only 7 bytes of bytes 5-14"):
        require_whole_range({"ContentRange": "bytes 5-14/20", "ContentLength": 7})


def test_copy_of_a_replaced_source_is_rejected(s3: MemoryS3) -> None:
    s3.put(URL, b"one")
    s3.before_request = lambda operation: s3.put(URL, b"two") if operation == "CopyObject" else None

    with pytest.raises(ObjectChangedError):
        replace_object(s3, URL, f"{URL}.copy", None)


class CutOff(MemoryS3):
    """Loses the last bytes of an answer on the way, with a length that fits."""

    def get_object(self, **request: str) -> dict[str, Any]:
        return super().get_object(**request) | {"ContentLength": 7}


def test_range_that_was_cut_off_is_retried() -> None:
    s3 = CutOff()
    s3.put(URL, b"x" * 20)

    with pytest.raises(RetryableError, match="Received only 7 bytes of bytes 5-14"):
        open_object(s3, URL, 5, 15)
