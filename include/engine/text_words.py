"""Arrow text as machine words: eight characters at a time, a whole column at once."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Words = npt.NDArray[np.uint64]

WORD_BYTES = 8
#: So far a reader may look beyond the text at either end.
_MARGIN_BYTES = 4 * WORD_BYTES


@dataclass(frozen=True)
class TextWords:
    """Where each value of a column starts in its text, and how many bytes it has; a null has none."""

    starts: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    _words: Words

    @classmethod
    def of(cls, text: pa.Array) -> "TextWords":
        """A view of an Arrow text array; the text is copied once, with a margin at either end."""
        _, offsets_buffer, data_buffer = text.buffers()
        if not len(text):
            offsets_buffer = np.zeros(1, np.int32)
        own = slice(text.offset, text.offset + len(text) + 1)
        offsets = np.frombuffer(offsets_buffer, np.int32)[own].astype(np.int64)
        first, last = int(offsets[0]), int(offsets[-1])
        data = np.zeros(last - first + 2 * _MARGIN_BYTES, np.uint8)
        if last > first:
            data[_MARGIN_BYTES:-_MARGIN_BYTES] = np.frombuffer(data_buffer, np.uint8)[first:last]
        words: Words = np.ndarray((len(data) - WORD_BYTES + 1,), np.dtype("<u8"), data, strides=(1,))
        return cls(offsets[:-1] - first + _MARGIN_BYTES, np.diff(offsets), words)

    def at(self, positions: npt.NDArray[np.int64]) -> Words:
        """The eight bytes from each position, the first of them lowest, whosever they are."""
        return self._words[positions]
