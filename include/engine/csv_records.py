"""A block of CSV text, record by record, with the line number of each record.

This is the slow way, for the few blocks in which a quote does other than open and close a field on one
line; `has_loose_quotes` tells which those are.
"""

import re
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

#: How far the end of a record over several lines is looked for. A quote that does not close within this
#: distance was opened by mistake.
FARTHEST_QUOTE_BYTES = 32 * 1024 * 1024

#: With fewer quotes than one in so many bytes, looking at each is faster than looking at every byte.
_SPARSE_QUOTES_BYTES = 1000

_LINE_END = rb"(?:\r\n|\n|\r)"
_UNQUOTED = rb'[^",\r\n][^,\r\n]*+|'
_ONE_LINE = re.compile(
    rb'(?:"(?:[^"\r\n]++|"")*+"(?=[,\r\n])|%(u)s)(?:,(?:"(?:[^"\r\n]++|"")*+"(?=[,\r\n])|%(u)s))*+%(e)s'
    % {b"u": _UNQUOTED, b"e": _LINE_END}
)
#: One record over several lines, of any number of fields, with nothing behind a closing quote.
_SEVERAL_LINES = re.compile(
    rb'(?:"(?:[^"]++|"")*+"(?=[,\r\n])|%(u)s)(?:,(?:"(?:[^"]++|"")*+"(?=[,\r\n])|%(u)s))*+%(e)s'
    % {b"u": _UNQUOTED, b"e": _LINE_END}
)
#: Fields up to a quote that does not close before the end of the data.
_OPEN_QUOTE = re.compile(rb'(?:(?:"(?:[^"]++|"")*+"(?=[,\r\n])|%s),)*+"(?:[^"]++|"")*+(?:"?)\Z' % _UNQUOTED)
_ANY_LINE = re.compile(rb"[^\r\n]*+" + _LINE_END)

_MAY_STAND_BESIDE_QUOTE = np.isin(np.arange(256), np.frombuffer(b',"\r\n', np.uint8))


@dataclass(frozen=True)
class Line:
    """A line that is no record. `detail` says what is wrong with it."""

    number: int
    text: str
    detail: str = field(default="a quote does not close, or text follows a closing quote", compare=False)


@dataclass(frozen=True)
class Block:
    """Whole records and blank lines. `record_lines` is None if record i is on line `first_line` + i.

    `used_bytes` is how many bytes of the file they take up, malformed lines included.
    """

    data: bytes
    first_line: int
    line_count: int
    used_bytes: int
    record_lines: npt.NDArray[np.int64] | None = None
    malformed: list[Line] = field(default_factory=list)


def split_records(data: bytes, first_line: int, longest_record_bytes: int, *, is_last: bool) -> Block:
    """Read a block record by record.

    A line on which a quote opens that does not close in a well-formed record is malformed alone, and reading
    continues with the next line. A record over several lines that is longer than allowed is malformed as a
    whole: what is inside quotes never becomes a row. A record that may continue behind the block is left for
    the next one.
    """
    found = _Records(first_line)
    # What lies between the two is plain: each line of it is one record, or blank.
    plain_from = position = 0
    while (position := _find_line_with_quote(data, position)) < len(data):
        if match := _ONE_LINE.match(data, position):
            position = match.end()
            continue
        farthest = position + FARTHEST_QUOTE_BYTES
        match = _SEVERAL_LINES.match(data, position, farthest)
        if match is None and farthest > len(data) and not is_last and _may_continue(data, position):
            break
        found.add_plain_lines(data[plain_from:position])
        if match is None:
            plain_from = position = _skip_line(data, position, found)
            continue
        record = match.group()
        if len(record) > longest_record_bytes and count_lines(record) > 1:
            found.add_malformed(record, f"a record over several lines of {len(record):,} bytes")
        else:
            found.add_record(record)
        plain_from = position = match.end()
    found.add_plain_lines(data[plain_from:position])
    return found.as_block(first_line, position)


@dataclass
class _Records:
    """What was found in a block so far; `line` is the line that comes next."""

    line: int
    texts: list[bytes] = field(default_factory=list)
    lines: list[npt.NDArray[np.int64]] = field(default_factory=list)
    malformed: list[Line] = field(default_factory=list)

    def add_plain_lines(self, text: bytes) -> None:
        """Lines with one record each, or none."""
        if not text:
            return
        if text.startswith(b"\n") and self.texts and self.texts[-1].endswith(b"\r"):
            # A malformed line between them was left out; together they would be one line end.
            rest = text.lstrip(b"\n")
            text = b"\r" * (len(text) - len(rest)) + rest
        count = count_lines(text)
        self.texts.append(text)
        self.lines.append(np.arange(self.line, self.line + count))
        self.line += count

    def add_record(self, text: bytes) -> None:
        """One record, on one line or several."""
        self.texts.append(text)
        self.lines.append(np.array([self.line]))
        self.line += count_lines(text)

    def add_malformed(self, text: bytes, detail: str = "") -> None:
        line = Line(self.line, text.decode().rstrip("\r\n"))
        self.malformed.append(replace(line, detail=detail) if detail else line)
        self.line += count_lines(text)

    def as_block(self, first_line: int, used_bytes: int) -> Block:
        lines = np.concatenate(self.lines) if self.lines else np.array([], np.int64)
        line_count = self.line - first_line
        return Block(b"".join(self.texts), first_line, line_count, used_bytes, lines, self.malformed)


def _skip_line(data: bytes, position: int, found: _Records) -> int:
    """Take a line as malformed. Returns where the next one starts."""
    end = _ANY_LINE.match(data, position).end()  # type: ignore[union-attr]  # the data ends with a line end
    found.add_malformed(data[position:end])
    return end


def _find_line_with_quote(data: bytes, position: int) -> int:
    """Where the next line that holds a quote starts; the end of the data when there is none."""
    quote = data.find(b'"', position)
    if quote < 0:
        return len(data)
    return max(position, data.rfind(b"\n", position, quote) + 1, data.rfind(b"\r", position, quote) + 1)


def _may_continue(data: bytes, position: int) -> bool:
    """Whether a record may have its end behind the data: an open quote, not text behind a closing one."""
    return _OPEN_QUOTE.match(data, position) is not None


def has_loose_quotes(data: bytes) -> bool:
    """Whether any quote does other than open a field, close it on the same line, or double inside it."""
    is_dense = _count_sign(data, '"') * _SPARSE_QUOTES_BYTES > len(data)
    return _have_loose_place(data) if is_dense else _stand_on_loose_line(data)


def _stand_on_loose_line(data: bytes) -> bool:
    """Looks at the lines that hold a quote, one by one."""
    end, quote = 0, data.find(b'"')
    while quote >= 0:
        end = max(end, data.rfind(b"\n", end, quote) + 1)
        while end <= quote:
            match = _ONE_LINE.match(data, end)
            if match is None:
                return True
            end = match.end()
        quote = data.find(b'"', end)
    return False


def _have_loose_place(data: bytes) -> bool:
    """Whether any quote is where RFC 4180 allows none. Checks all quotes at once.

    Of the quotes on a line, every second one opens a field or is the second of a double, so a separator or
    a quote precedes it; each of the others closes a field or is the first of a double, so a separator or a
    quote follows it.
    """
    signs = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(signs == ord('"'))
    line_ends = np.flatnonzero((signs == ord("\n")) | (signs == ord("\r")))
    if (np.searchsorted(quotes, line_ends) % 2).any():
        return True
    opening, closing = quotes[::2], quotes[1::2]
    before = signs[opening[opening > 0] - 1]
    return not (_MAY_STAND_BESIDE_QUOTE[before].all() and _MAY_STAND_BESIDE_QUOTE[signs[closing + 1]].all())


def count_lines(data: bytes) -> int:
    r"""Line ends in data, where `\r\n` is one."""
    line_feeds = _count_sign(data, "\n")
    lone_carriage_returns = data.count(b"\r") - data.count(b"\r\n") if b"\r" in data else 0
    return line_feeds + lone_carriage_returns


def _count_sign(data: bytes, sign: str) -> int:
    # Counting with numpy lets other threads run meanwhile.
    return int(np.count_nonzero(np.frombuffer(data, np.uint8) == ord(sign)))
