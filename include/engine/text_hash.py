"""64-bit hashes of Arrow text, a whole column at a time."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from include.engine.text_words import WORD_BYTES, TextWords, Words

Hashes = Words

_MIX_1 = np.uint64(0xFF51AFD7ED558CCD)
_MIX_2 = np.uint64(0xC4CEB9FE1A85EC53)
_SHIFT = np.uint64(33)
#: Longer text is hashed by its beginning and its length, so that one long id does not slow down all others.
_LONGEST_HASHED_BYTES = 256


def hash_text(text: pa.Array) -> Hashes:
    """One hash a value, made for speed, not for secrecy: equal text has equal hashes, never null.

    A null hashes like an empty text. The finaliser is that of MurmurHash3, run over words of 8 bytes.
    """
    return hash_words(TextWords.of(text))


def hash_words(words: TextWords) -> Hashes:
    """The hashes of text that is words already."""
    hashes = words.lengths.astype(np.uint64)
    longest = min(int(words.lengths.max(initial=0)), _LONGEST_HASHED_BYTES)
    for position in range(0, longest, WORD_BYTES):
        remaining = words.lengths - position
        active = slice(None) if remaining.min() > 0 else np.flatnonzero(remaining > 0)
        word = words.at(words.starts[active] + position) & _mask(remaining[active])
        hashes[active] = _mix(hashes[active] ^ word)
    return _mix(hashes)


def combine_hashes(first: Hashes, second: Hashes) -> Hashes:
    """One hash of two texts, in this order."""
    return _mix(first * _MIX_2 ^ second)


def has_exact_hash(text: pa.Array) -> pa.Array:
    """Which values share their hash with no other of them; null for a null.

    Text that fits one word is mixed one to one; the zeros behind it are no text, since raw files hold none.
    """
    return pc.and_(pc.greater(pc.binary_length(text), 0), pc.less_equal(pc.binary_length(text), WORD_BYTES))


def _mask(byte_counts: npt.NDArray[np.int64]) -> Words:
    """Keeps the first bytes of a word, at least one of them."""
    missing = (WORD_BYTES - np.minimum(byte_counts, WORD_BYTES)).astype(np.uint64)
    return ~np.uint64(0) >> (missing * np.uint64(8))


def _mix(hashes: Hashes) -> Hashes:
    hashes = (hashes ^ (hashes >> _SHIFT)) * _MIX_1
    hashes = (hashes ^ (hashes >> _SHIFT)) * _MIX_2
    return hashes ^ (hashes >> _SHIFT)
