"""Raw files that are written another way, as the reader takes them: UTF-8, commas and double quotes.

The declared delimiter and the comma change places, and so do the declared quote and the double quote. That
keeps every byte and every line where it was, and `restore_text` gives the values back as they were delivered.
"""

import codecs
import re
from collections.abc import Callable
from io import BufferedIOBase

import pyarrow as pa

from include.contract.model import FileFormat
from include.engine.csv_records import count_lines
from include.errors import RawFileError

_CHUNK_BYTES = 1024 * 1024
#: In place of a double quote where a file has no quotes, and of what is escaped. No text holds them.
_NO_QUOTE, _ESCAPED_DELIMITER, _ESCAPED_QUOTE, _ESCAPED_ESCAPE = b"\x01", b"\x02", b"\x03", b"\x04"
_UTF_8 = ("utf-8", "utf8", "utf-8-sig")


def is_default(file_format: FileFormat) -> bool:
    """Whether the reader takes the bytes as they are."""
    return (file_format.delimiter, file_format.quote, file_format.escape) == (",", '"', "") and is_utf_8(
        file_format
    )


def is_utf_8(file_format: FileFormat) -> bool:
    return file_format.encoding.lower() in _UTF_8


def keeps_offsets(file_format: FileFormat) -> bool:
    """Whether decoding leaves every byte at its offset, so that a file can be read from the middle."""
    return is_utf_8(file_format) and not file_format.escape


class DecodedStream(BufferedIOBase):
    """The text of a file as the reader takes it."""

    def __init__(self, stream: BufferedIOBase, file_format: FileFormat, source_key: str) -> None:
        self._stream, self._source_key = stream, source_key
        self._decode = _make_decoder(file_format)
        self._convert = make_converter(file_format)
        self._encoding, self._escape = file_format.encoding, file_format.escape.encode()
        self._line, self._text, self._rest, self._is_at_end = 1, b"", b"", False

    def read(self, size: int | None = -1) -> bytes:
        """Exactly so many bytes, or all that are left."""
        wanted = float("inf") if size is None or size < 0 else size
        while len(self._text) < wanted and not self._is_at_end:
            self._text += self._read_more()
        taken = self._text if size is None or size < 0 else self._text[:size]
        self._text = self._text[len(taken) :]
        return taken

    def _read_more(self) -> bytes:
        chunk = self._stream.read(_CHUNK_BYTES)
        self._is_at_end = not chunk
        try:
            decoded = self._rest + self._decode(chunk, self._is_at_end).encode()
        except UnicodeError as error:
            place, problem = "", str(error)
            # Some codecs, such as utf-16 without a byte order mark, do not say where they fail.
            if isinstance(error, UnicodeDecodeError):
                place = f"line {self._line + count_lines(chunk[: error.start])} or later"
                problem = error.reason
            raise RawFileError(
                self._source_key,
                place,
                f"not {self._encoding} text ({problem})",
                "Declare the encoding of the file: FileFormat(encoding=…). "
                "`make inspect RAW=folder` finds it.",
            ) from error
        # An escape at the very end may belong to what follows.
        is_whole = self._is_at_end or not self._escape
        cut = len(decoded) if is_whole else len(decoded.rstrip(self._escape))
        self._rest = decoded[cut:]
        self._line += count_lines(decoded[:cut])
        return self._convert(decoded[:cut])


def _make_decoder(file_format: FileFormat) -> Callable[[bytes, bool], str]:
    decode: Callable[[bytes, bool], str] = codecs.getincrementaldecoder(file_format.encoding)().decode
    return decode


def make_converter(file_format: FileFormat) -> Callable[[bytes], bytes]:
    """From UTF-8 text as delivered to the reader's delimiter and quote."""
    if is_default(file_format):
        return lambda text: text
    table = _make_swap(file_format)
    if not file_format.escape:
        return lambda text: text.translate(table)
    escape = re.escape(file_format.escape.encode())
    delimiter, quote = file_format.delimiter.encode(), file_format.quote.encode()
    replacements = {delimiter: _ESCAPED_DELIMITER, file_format.escape.encode(): _ESCAPED_ESCAPE}
    if quote:
        replacements[quote] = _ESCAPED_QUOTE
    escaped = re.compile(escape + b"(" + b"|".join(map(re.escape, replacements)) + b")")
    return lambda text: escaped.sub(lambda match: replacements[match[1]], text).translate(table)


def make_restorer(file_format: FileFormat) -> dict[int, str] | None:
    """For `str.translate`: from the reader's text to the delivered one, without escapes; None if the same."""
    if is_default(file_format):
        return None
    table = _make_swap(file_format)
    swapped = {code: chr(table[code]) for code in range(128) if table[code] != code}
    if file_format.escape:
        swapped |= {ord(_ESCAPED_DELIMITER): file_format.delimiter, ord(_ESCAPED_ESCAPE): file_format.escape}
        swapped[ord(_ESCAPED_QUOTE)] = file_format.quote
    return swapped or None


def restore_values(text: pa.Array, restorer: dict[int, str]) -> pa.Array:
    """A column of the reader's text as it was delivered."""
    table = bytearray(range(256))
    for code, character in restorer.items():
        table[code] = ord(character)
    validity, offsets, data = text.buffers()
    if data is None or not data.size:
        return text
    restored = pa.py_buffer(data.to_pybytes().translate(bytes(table)))
    buffers = [validity, offsets, restored]
    return pa.Array.from_buffers(text.type, len(text), buffers, text.null_count, text.offset)


def make_encoder(file_format: FileFormat) -> Callable[[bytes], bytes]:
    """From the reader's text, piece by piece, to a file of that format."""
    if is_default(file_format):
        return lambda text: text
    table, escape = _make_swap(file_format), file_format.escape.encode()
    escaped = {
        _ESCAPED_DELIMITER: file_format.delimiter,
        _ESCAPED_QUOTE: file_format.quote,
        _ESCAPED_ESCAPE: file_format.escape,
    }
    encode = codecs.getincrementalencoder(file_format.encoding)().encode

    def encode_text(text: bytes) -> bytes:
        delivered = text.translate(table)
        for placeholder, character in escaped.items() if escape else ():
            delivered = delivered.replace(placeholder, escape + character.encode())
        return encode(delivered.decode())

    return encode_text


def _make_swap(file_format: FileFormat) -> bytes:
    """Each pair changes places; twice is as before."""
    table = bytearray(range(256))
    quote = file_format.quote.encode() or _NO_QUOTE
    for one, other in ((file_format.delimiter.encode(), b","), (quote, b'"')):
        table[one[0]], table[other[0]] = other[0], one[0]
    return bytes(table)
