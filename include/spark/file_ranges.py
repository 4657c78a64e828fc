"""A raw file in S3 cut into ranges of whole records, each of which a task of its own can read.

Whether a line begins a record or goes on with one depends on all lines before it. So a range is first cut
where a line ends, and read for where its records end; where that is not the beginning of the next range, the
next range is read again from there. What comes out is what one reader of the whole file would see.
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.contract import DATASETS, Dataset
from include.engine.csv_blocks import BlockCutter, find_last_line_end
from include.engine.csv_records import Block
from include.engine.decoding import keeps_offsets, make_converter
from include.engine.raw_file import Header, RawSource, decode, decompress, read_header
from include.errors import RawFileError, SnapshotGoneError
from include.keys import is_compressed
from include.s3.objects import find_object
from include.s3.streams import open_object
from include.spark.store import Store

if TYPE_CHECKING:
    from pyspark import SparkContext

#: So much of a file is enough to read its header, compressed or not.
_BEGINNING_BYTES = 2 * 1024 * 1024
#: Almost every line is shorter; where one is longer, a range is read twice.
_TAIL_BYTES = 64 * 1024
#: An object has at most 10,000 parts, so a file has fewer ranges.
_MOST_RANGES = 8_000


@dataclass(frozen=True)
class RemoteSource:
    """A raw file in S3, exactly as it was when it was opened: reading fails once it is another one.

    `source_key` is the name under which people know it.
    """

    name: str
    url: str
    source_key: str
    etag: str
    bytes: int
    header: Header
    batch_bytes: int

    @property
    def dataset(self) -> Dataset:
        # By its name: a copy that travelled to a worker would not be the one of the contract.
        return DATASETS[self.name]

    @property
    def is_compressed(self) -> bool:
        return is_compressed(self.source_key)

    @property
    def is_sequential(self) -> bool:
        """Whether it can only be read from its beginning: compressed, or decoded to other offsets."""
        return self.is_compressed or not keeps_offsets(self.dataset.format)


@dataclass(frozen=True)
class FileRange:
    """Bytes of a file from the start of a record on. A record that does not end in them is not theirs.

    Of a compressed file there is one range, and its offsets say nothing.
    """

    index: int
    start: int
    stop: int
    first_line: int
    is_last: bool


@dataclass(frozen=True)
class Scanned:
    """A range as it was read: where its records end, and on how many lines they stand.

    `is_broken`: the file cannot be used, for something in this range.
    """

    range: FileRange
    end: int
    lines: int
    is_broken: bool = False


def open_remote_file(dataset: Dataset, url: str, source_key: str, batch_bytes: int) -> RemoteSource:
    """Look at the beginning of a file.

    Raises
    ------
    RawFileError: it is not what its name says, or its header does not keep the contract.
    SnapshotGoneError: it is not there any more.
    """
    state = find_object(Store(), url)
    if state is None:
        raise SnapshotGoneError(url)
    size, etag = state["bytes"], state["etag"]
    with tempfile.TemporaryDirectory(prefix="header-") as folder:
        path = Path(folder, "beginning")
        path.write_bytes(_open(url, etag, 0, min(size, _BEGINNING_BYTES)).read() if size else b"")
        header = read_header(RawSource(dataset, path, source_key))
    return RemoteSource(dataset.name, url, source_key, etag, size, header, batch_bytes)


def _open(url: str, etag: str, start: int = 0, stop: int | None = None) -> Any:
    return open_object(Store(), url, start, stop, if_etag=etag)


def split_file(context: "SparkContext", file: RemoteSource, range_bytes: int) -> list[FileRange]:
    """Cut a file into ranges, in file order.

    Raises
    ------
    RawFileError: the file as a whole cannot be used.
    """
    parts = _cut_anywhere(file, max(range_bytes, file.bytes // _MOST_RANGES))
    scans = _run(context, lambda part: _scan(file, _move_to_line(file, part)), parts)
    while false_starts := _find_false_starts(file, scans):
        scans |= _run(context, lambda part: _scan(file, part), false_starts)
    return _number_lines(file, [scans[index] for index in sorted(scans)])


def read_range(file: RemoteSource, part: FileRange) -> Iterator[Block]:
    """The records of a range, unparsed."""
    return _read_blocks(file, part, _make_cutter(file, part))


def _run(
    context: "SparkContext", scan: Callable[[FileRange], Scanned], parts: list[FileRange]
) -> dict[int, Scanned]:
    """The result for each range, by its index; a task each."""
    return {each.range.index: each for each in context.parallelize(parts, len(parts)).map(scan).collect()}


def _cut_anywhere(file: RemoteSource, range_bytes: int) -> list[FileRange]:
    """Ranges of one size; all but the first are yet to be moved to where a line ends."""
    first = file.header.bytes
    step = file.bytes if file.is_sequential else range_bytes
    starts = [first, *range(first + step, file.bytes, step)]
    stops = [*starts[1:], max(file.bytes, first)]
    return [
        FileRange(index, start, stop, first_line=file.header.first_line, is_last=stop == stops[-1])
        for index, (start, stop) in enumerate(zip(starts, stops, strict=True))
    ]


def _find_false_starts(file: RemoteSource, scans: dict[int, Scanned]) -> list[FileRange]:
    """The ranges that do not begin where the one before them ends, so that they must be read again."""
    start, moved = file.header.bytes, []
    for index in sorted(scans):
        scanned = scans[index]
        if scanned.range.start != start:
            moved.append(replace(scanned.range, start=start))
        if scanned.is_broken:
            # Ranges behind it would only hide the fault that comes first.
            break
        start = scanned.end
    return moved


def _number_lines(file: RemoteSource, scans: list[Scanned]) -> list[FileRange]:
    line, parts = file.header.first_line, []
    for scanned in scans:
        part = replace(scanned.range, first_line=line)
        if scanned.is_broken:
            _raise_fault(file, part)
        parts.append(part)
        line += scanned.lines
    return parts


def _raise_fault(file: RemoteSource, part: FileRange) -> None:
    """Read a broken range once more, now that its lines are known, for an error that names the right one."""
    for _ in read_range(file, part):
        pass
    raise RawFileError(file.source_key, "", "it was broken and no longer is", "Run again.")


def _scan(file: RemoteSource, part: FileRange) -> Scanned:
    cutter = _make_cutter(file, part)
    try:
        for _ in _read_blocks(file, part, cutter):
            pass
    except RawFileError:
        return Scanned(part, part.stop, 0, is_broken=True)
    return Scanned(part, part.stop - len(cutter.rest), cutter.line - part.first_line)


def _move_to_line(file: RemoteSource, part: FileRange) -> FileRange:
    """Begin a range with the line that reaches over its border, unless that line begins far away."""
    first = max(file.header.bytes, part.start - _TAIL_BYTES)
    if first == part.start:
        return part
    line_end = find_last_line_end(_open(file.url, file.etag, first, part.start).read())
    return replace(part, start=first + line_end) if line_end else part


def _read_blocks(file: RemoteSource, part: FileRange, cutter: BlockCutter) -> Iterator[Block]:
    for chunk in _read_chunks(file, part):
        if block := cutter.add(chunk):
            yield block
    if part.is_last and (block := cutter.finish()):
        yield block


def _make_cutter(file: RemoteSource, part: FileRange) -> BlockCutter:
    return BlockCutter(file.source_key, file.dataset.longest_record_bytes, part.first_line)


def _read_chunks(file: RemoteSource, part: FileRange) -> Iterator[bytes]:
    if file.is_sequential:
        with decompress(_open(file.url, file.etag), file.source_key, file.bytes) as packed:
            stream = decode(packed, file.dataset, file.source_key)
            stream.read(file.header.bytes)
            yield from iter(lambda: stream.read(file.batch_bytes), b"")
    elif part.start < part.stop:
        body, convert = _open(file.url, file.etag, part.start, part.stop), make_converter(file.dataset.format)
        yield from map(convert, iter(lambda: body.read(file.batch_bytes), b""))
