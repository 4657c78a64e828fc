"""From the bytes of a CSV file to blocks of whole records.

Arrow parses records fast but knows no line numbers, and an opening quote that never closes makes it
swallow the rest of the file. So the bytes are cut into blocks here. Almost every block is plain: one
record a line, every quote in its place. Any other block is read record by record. What is found depends
on the bytes alone, not on where the blocks are cut.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BufferedIOBase

from include.contract.model import LONGEST_RECORD_BYTES
from include.engine.csv_records import Block, count_lines, has_loose_quotes, split_records
from include.errors import RawFileError

#: A longer line is no line of a CSV file.
LONGEST_LINE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Cut:
    """What is remembered of a block, so that reading it again costs little."""

    bytes: int
    first_line: int
    line_count: int
    is_plain: bool

    @classmethod
    def of(cls, block: Block) -> "Cut":
        return cls(block.used_bytes, block.first_line, block.line_count, block.record_lines is None)


def read_blocks(
    stream: BufferedIOBase,
    source_key: str,
    block_bytes: int,
    *,
    first_line: int = 2,
    longest_record_bytes: int = LONGEST_RECORD_BYTES,
) -> Iterator[Block]:
    """Cut a stream, positioned after the header line, into blocks of whole records, in file order.

    Raises
    ------
    RawFileError: the text is not UTF-8, holds NUL bytes, or has a line longer than `LONGEST_LINE_BYTES`.
    """
    cutter = BlockCutter(source_key, longest_record_bytes, first_line)
    while chunk := stream.read(block_bytes):
        if block := cutter.add(chunk):
            yield block
    if block := cutter.finish():
        yield block


@dataclass
class BlockCutter:
    """Cuts text that comes in pieces, from the start of a record on, into blocks of whole records.

    Parameters
    ----------
    line: the line on which `rest` starts.
    rest: what came already and belongs to the next block.
    """

    source_key: str
    longest_record_bytes: int = LONGEST_RECORD_BYTES
    line: int = 2
    rest: bytes = b""

    def add(self, chunk: bytes) -> Block | None:
        """The records that end in the chunk, except those that may go on behind it."""
        cut = find_last_line_end(chunk)
        block = self._cut(self.rest + memoryview(chunk)[:cut], is_last=False) if cut else None
        self.rest += chunk[cut:]
        if len(self.rest) > LONGEST_LINE_BYTES:
            raise RawFileError(self.source_key, f"line {self.line}", "the line does not end", "Is this CSV?")
        return block

    def finish(self) -> Block | None:
        """The records that are left at the end of the file."""
        has_line_end = not self.rest or self.rest[-1:] in (b"\n", b"\r")
        return self._cut(self.rest if has_line_end else self.rest + b"\n", is_last=True)

    def _cut(self, whole_lines: bytes, *, is_last: bool) -> Block | None:
        check_text(whole_lines, self.source_key, self.line)
        block = _make_block(whole_lines, self.line, self.longest_record_bytes, is_last=is_last)
        self.line += block.line_count
        self.rest = whole_lines[block.used_bytes :]
        return block if block.line_count else None


def _make_block(data: bytes, first_line: int, longest_record_bytes: int, *, is_last: bool) -> Block:
    if has_loose_quotes(data):
        return split_records(data, first_line, longest_record_bytes, is_last=is_last)
    return Block(data, first_line, count_lines(data), len(data))


def read_again(
    stream: BufferedIOBase, cuts: Iterable[Cut], *, longest_record_bytes: int = LONGEST_RECORD_BYTES
) -> Iterator[Block]:
    """The blocks of a stream that was read before."""
    for cut in cuts:
        data = stream.read(cut.bytes)
        if data[-1:] not in (b"\n", b"\r"):
            data += b"\n"
        if cut.is_plain:
            yield Block(data, cut.first_line, cut.line_count, len(data))
        else:
            yield split_records(data, cut.first_line, longest_record_bytes, is_last=True)


def check_text(data: bytes, source_key: str, first_line: int) -> None:
    """Refuse bytes that are no UTF-8 text; `first_line` is the line on which they start."""
    if b"\0" in data:
        line = first_line + count_lines(data[: data.index(b"\0")])
        raise RawFileError(
            source_key,
            f"line {line}",
            "NUL bytes, this is no UTF-8 text",
            "Deliver it again, or declare its encoding in the contract: FileFormat(encoding=…).",
        )
    if data.isascii():
        return
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = first_line + count_lines(data[: error.start])
        problem = f"not UTF-8 text (byte 0x{data[error.start]:02x})"
        raise RawFileError(
            source_key,
            f"line {line}",
            problem,
            "Export the file as UTF-8, or declare its encoding in the contract, such as "
            'FileFormat(encoding="cp1252"). `make inspect RAW=folder` finds it.',
        ) from error


def find_last_line_end(data: bytes) -> int:
    r"""Where the last whole line ends; a `\r` at the very end may be half of a `\r\n`."""
    return data.rfind(b"\n") + 1 or data.rfind(b"\r", 0, len(data) - 1) + 1
