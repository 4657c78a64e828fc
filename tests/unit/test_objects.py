"""How bytes are grouped for an upload in parts, and what a part that comes back must be."""

from typing import Any

import pytest

from include.errors import RetryableError
from include.s3.multipart import SMALLEST_PART_BYTES, Segment, group_segments
from include.s3.objects import require_whole_range
from include.s3.streams import open_object


def test_parts_of_an_upload_are_large_enough_but_for_the_last() -> None:
    sizes = [1, 2 * SMALLEST_PART_BYTES, 5, SMALLEST_PART_BYTES - 1, 3, SMALLEST_PART_BYTES, 7]
    segments = [Segment(url=f"s3://c/{number}", start=4, stop=4 + size) for number, size in enumerate(sizes)]

    groups = group_segments(segments)

    assert [segment for group in groups for segment in group] == segments
    assert [[segment.bytes for segment in group] for group in groups] == [
        sizes[:2],
        sizes[2:4],
        sizes[4:6],
        sizes[6:],
    ]


def test_a_part_that_was_cut_off_on_its_way_is_fetched_again() -> None:
    require_whole_range({"ContentRange": "bytes 5-14/20", "ContentLength": 10})
    require_whole_range({"ContentLength": 10})

    with pytest.raises(RetryableError, match="Received only 7 bytes of bytes 5-14"):
        require_whole_range({"ContentRange": "bytes 5-14/20", "ContentLength": 7})


class CutOff:
    """A hook, and its client, whose answers lose their last bytes on the way, with a length that fits."""

    @staticmethod
    def parse_s3_url(s3url: str) -> tuple[str, str]:
        return "bucket", s3url

    def get_conn(self) -> "CutOff":
        return self

    def get_object(self, **_: str) -> dict[str, Any]:
        return {"ContentRange": "bytes 5-14/20", "ContentLength": 7, "Body": b"7 bytes"}


def test_a_range_that_was_cut_off_on_its_way_is_not_taken_for_the_whole() -> None:
    with pytest.raises(RetryableError, match="Received only 7 bytes of bytes 5-14"):
        open_object(CutOff(), "s3://bucket/key", 5, 15)
