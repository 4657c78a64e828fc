"""Vectorised construction of the text columns of raw files."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Numbers = npt.NDArray[np.int64]
#: The text columns of a raw file, all of the same length; a null is an empty field.
Columns = dict[str, Any]


def look_up(texts: Sequence[str], places: Numbers) -> Any:
    return pa.array(texts, pa.string()).take(pa.array(places))


def join_texts(*parts: Any) -> Any:
    return pc.binary_join_element_wise(*parts, "")


def pad_numbers(numbers: Numbers, width: int) -> Any:
    return pc.ascii_lpad(pa.array(numbers).cast(pa.string()), width, "0")


def format_cents(cents: Numbers) -> Any:
    return join_texts(pad_numbers(cents // 100, 1), ".", pad_numbers(cents % 100, 2))


def format_times(times: npt.NDArray[np.datetime64], is_empty: npt.NDArray[np.bool_] | None = None) -> Any:
    """Text such as `2026-11-21T20:15:00Z`."""
    texts = pa.array(times, pa.timestamp("s"), mask=is_empty).cast(pa.string())
    return pc.binary_join_element_wise(pc.replace_substring(texts, " ", "T"), "Z", "")


def as_bytes(lines: Any) -> memoryview:
    """The lines with line ends, without a copy."""
    ended = pc.binary_join_element_wise(lines, "", "\n")
    return memoryview(ended.buffers()[2])
