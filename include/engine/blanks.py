"""Characters that nobody sees: blanks, no-break spaces, control characters and zero-width characters.

Around a number or a date they change nothing. Around an id they make another id that looks the same.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Flags = npt.NDArray[np.bool_]

#: First and last character of each range. Arabic and other signs that Unicode calls formats but that are
#: visible are not among them.
_RANGES = (
    *((0x01, 0x20), (0x7F, 0xA0), (0xAD, 0xAD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160)),
    *((0x1680, 0x1680), (0x17B4, 0x17B5), (0x180B, 0x180E), (0x2000, 0x200F), (0x2028, 0x202F)),
    *((0x205F, 0x206F), (0x2800, 0x2800), (0x3000, 0x3000), (0x3164, 0x3164), (0xFEFF, 0xFEFF)),
    *((0xFFA0, 0xFFA0), (0xFFF9, 0xFFFB), (0xE0001, 0xE0001)),
)
BLANKS = "".join(chr(code) for first, last in _RANGES for code in range(first, last + 1))
_FIRST_VISIBLE, _LAST_ASCII = 0x21, 0x7E


def trim(text: pa.Array) -> pa.Array:
    """The text without blanks at either end; null where nothing is left."""
    trimmed = pc.utf8_trim(text, characters=BLANKS)
    return pc.if_else(pc.equal(trimmed, ""), None, trimmed)


def has_outer_blank(text: pa.Array) -> Flags:
    """Which values begin or end with a blank; a null does not."""
    is_found = _has_uncommon_end(text)
    suspects = np.flatnonzero(is_found)
    if len(suspects):
        delivered = text.take(pa.array(suspects))
        is_same = pc.equal(delivered, pc.utf8_trim(delivered, characters=BLANKS))
        is_found[suspects] = ~is_same.to_numpy(zero_copy_only=False)
    return is_found


def _has_uncommon_end(text: pa.Array) -> Flags:
    """Which values do not begin and end with a visible ASCII character; nulls are not among them."""
    _, offsets_buffer, data_buffer = text.buffers()
    if not len(text) or data_buffer is None or not data_buffer.size:
        return np.zeros(len(text), bool)
    offsets = np.frombuffer(offsets_buffer, np.int32)[text.offset : text.offset + len(text) + 1]
    data = np.frombuffer(data_buffer, np.uint8)
    own = data[offsets[0] : offsets[-1]]
    # Most columns of ids hold visible ASCII alone.
    if not len(own) or (own.min() >= _FIRST_VISIBLE and own.max() <= _LAST_ASCII):
        return np.zeros(len(text), bool)
    first = data[np.minimum(offsets[:-1], len(data) - 1)]
    last = data[np.maximum(offsets[1:] - 1, 0)]
    is_common = np.minimum(first, last) >= _FIRST_VISIBLE
    is_common &= np.maximum(first, last) <= _LAST_ASCII
    return ~is_common & (offsets[1:] > offsets[:-1])
