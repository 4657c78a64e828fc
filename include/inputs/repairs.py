"""Refused rows that a person has corrected, in place of the raw lines that they were refused from.

Raw files are never touched: the run's snapshot is patched, line for line, so everything behind it works as
always, and a row that is refused keeps the line number of the raw file. A repair belongs to one version of
a raw file; when that is replaced, the line numbers mean nothing any more.
"""

import csv
import gzip
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from include.contract import Dataset
from include.engine.batches import read_file_blocks
from include.engine.csv_blocks import find_last_line_end
from include.engine.csv_records import Block, count_lines
from include.engine.raw_file import Header, RawSource, open_raw, read_header
from include.errors import RepairError
from include.keys import is_compressed

LINE_NUMBER, RAW_ETAG = "line_number", "raw_etag"
#: Columns of an exported quarantine that tell a person what was wrong, and are not read back.
TOLD = ("reasons", "raw_line", "source_key")

_BLOCK_BYTES = 6 * 1024 * 1024
_LINE = re.compile(rb"[^\r\n]*+(?:\r\n|\n|\r)|[^\r\n]+")

#: The values of a row, by column.
Row = dict[str, str]


@dataclass(frozen=True)
class Repair:
    """The corrected rows by the line of the raw file that each takes the place of.

    Parameters
    ----------
    source: where the repair lies, as people know it.
    raw_etag: the version of the raw file that the line numbers belong to.
    """

    source: str
    raw_etag: str
    rows: Mapping[int, Row]


def read_repair(body: bytes, source: str, dataset: Dataset) -> Repair:
    """Read a repair file: columns of the raw file, `line_number` and `raw_etag`.

    Rows without any value are left as they were delivered.

    Raises
    ------
    RepairError: the file cannot be used; names the line.
    """
    try:
        reader = csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        reader.fieldnames = [dataset.name_of(name) for name in reader.fieldnames or []]
        _check_header(reader.fieldnames, source, dataset)
        rows, etags = _read_rows(reader, source, dataset)
    except UnicodeDecodeError as error:
        raise RepairError(source, "", "not UTF-8 text", "Save it as CSV in UTF-8.") from error
    except csv.Error as error:
        raise RepairError(source, "", f"no CSV ({error})", "Export the quarantine again.") from error
    if len(etags) != 1 or "" in etags:
        problem = f"{RAW_ETAG} must be the same, and not empty, in every row"
        raise RepairError(source, "", problem, "Export the quarantine again.")
    return Repair(source, etags.pop(), rows)


def _check_header(names: Sequence[str], source: str, dataset: Dataset) -> None:
    missing = [name for name in (LINE_NUMBER, RAW_ETAG) if name not in names]
    unknown = [name for name in names if name not in (*dataset.column_names, LINE_NUMBER, RAW_ETAG, *TOLD)]
    if missing:
        problem = f"the column {missing[0]} is missing"
        raise RepairError(source, "line 1", problem, "Keep the columns of the export.")
    if unknown:
        problem = f"{dataset.name} have no column {unknown[0]!r}"
        raise RepairError(source, "line 1", problem, "Keep the columns of the export.")


def _read_rows(
    reader: "csv.DictReader[str]", source: str, dataset: Dataset
) -> tuple[dict[int, Row], set[str]]:
    rows: dict[int, Row] = {}
    etags = set()
    for fields in reader:
        place = f"line {reader.line_num}"
        if None in fields or None in fields.values():
            raise RepairError(source, place, "the wrong number of fields", "Quote values that hold commas.")
        line = fields[LINE_NUMBER]
        if not re.fullmatch(r"[1-9]\d{0,17}", line) or line == "1":
            # The value is not shown: in a shifted row it may be anything.
            problem = f"{LINE_NUMBER} is no line of a row"
            raise RepairError(source, place, problem, "Keep it as exported.")
        if int(line) in rows:
            raise RepairError(source, place, f"line {line} is repaired twice", "Keep one of the two.")
        rows[int(line)] = {name: fields[name] for name in dataset.column_names if fields.get(name)}
        etags.add(fields[RAW_ETAG])
    return {line: row for line, row in rows.items() if row}, etags


def patch_file(raw: RawSource, repair: Repair, target: Path) -> None:
    """Write the raw file with the repaired rows in it; every other row stays on its line, byte for byte.

    Raises
    ------
    RepairError: a row cannot take the place of its line.
    RawFileError: the raw file as a whole cannot be used.
    """
    header = read_header(raw)
    lines = _plan_lines(_find_ends(raw, header, repair), header, repair)
    number = 1
    with open_raw(raw) as stream, _open_target(raw, target) as patched:
        for piece in _read_whole_lines(stream):
            following = number + count_lines(piece)
            is_patched = any(number <= line <= following for line in lines)
            patched.write(_patch(piece, number, lines, repair) if is_patched else piece)
            number = following
    _check_rows_stand_alone(RawSource(raw.dataset, target, raw.source_key), header, repair)


def _check_rows_stand_alone(patched: RawSource, header: Header, repair: Repair) -> None:
    """An open quote on a malformed line may find its end in a repaired row, and make one row of both."""
    try:
        _find_ends(patched, header, repair)
    except RepairError as error:
        problem = "an open quote on an earlier line of the raw file takes in a repaired row"
        raise RepairError(repair.source, "", problem, "Repair that line as well.") from error


def _find_ends(raw: RawSource, header: Header, repair: Repair) -> dict[int, int]:
    """For each row to be replaced, by its line, the line that follows it: a row may take up several lines."""
    wanted, ends = np.array(sorted(repair.rows)), {}
    for block in read_file_blocks(raw, header, _BLOCK_BYTES):
        following = block.first_line + block.line_count
        for line in wanted[(wanted >= block.first_line) & (wanted < following)].tolist():
            starts = np.append(_list_starts(block), following)
            place = int(np.searchsorted(starts, line))
            if starts[place] != line:
                raise _no_row(repair, line)
            ends[line] = int(starts[place + 1])
    if beyond := repair.rows.keys() - ends.keys():
        raise _no_row(repair, min(beyond))
    return ends


def _list_starts(block: Block) -> npt.NDArray[np.int64]:
    """The lines on which a row starts, or stands that is none."""
    if block.record_lines is None:
        return np.arange(block.first_line, block.first_line + block.line_count)
    malformed = np.array([line.number for line in block.malformed], np.int64)
    return np.union1d(block.record_lines, malformed)


def _plan_lines(ends: Mapping[int, int], header: Header, repair: Repair) -> dict[int, bytes | None]:
    """What takes the place of each line; None where a line is left out.

    Blank lines fill up what the raw row took up and the repaired one does not. They are no rows.
    """
    lines: dict[int, bytes | None] = {}
    for start, end in ends.items():
        text = _write_row(repair, start, header)
        left_out = count_lines(text)
        if start + left_out >= end:
            problem = f"the row for line {start} has more line breaks than the raw one"
            raise RepairError(repair.source, "", problem, "Take them out of its values.")
        lines |= dict.fromkeys(range(start, end), b"")
        lines |= dict.fromkeys(range(start + 1, start + 1 + left_out))
        lines[start] = text
    return lines


def _write_row(repair: Repair, line: int, header: Header) -> bytes:
    row = repair.rows[line]
    if unknown := row.keys() - set(header.columns):
        problem = f"the row for line {line} has a value for {min(unknown)}, which the raw file does not name"
        raise RepairError(repair.source, "", problem, "Leave that column empty.")
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow([row.get(name, "") for name in header.columns])
    return text.getvalue().removesuffix("\r\n").encode()


def _patch(piece: bytes, first_line: int, lines: Mapping[int, bytes | None], repair: Repair) -> bytes:
    """Whole lines with some of them replaced; each keeps its own line end."""
    patched = []
    for number, line in enumerate(_LINE.findall(piece), first_line):
        text = lines.get(number, line)
        if text is None:
            continue
        content = line.rstrip(b"\r\n")
        if number in repair.rows and not content:
            raise _no_row(repair, number)
        patched.append(line if number not in lines else text + line[len(content) :])
    return b"".join(patched)


def _no_row(repair: Repair, line: int) -> RepairError:
    return RepairError(
        repair.source, "", f"no row starts on line {line} of the raw file", "Export the quarantine again."
    )


def _read_whole_lines(stream: BufferedIOBase) -> Iterator[bytes]:
    rest = b""
    while chunk := stream.read(_BLOCK_BYTES):
        rest += chunk
        if end := find_last_line_end(rest):
            yield rest[:end]
            rest = rest[end:]
    if rest:
        yield rest


@contextmanager
def _open_target(raw: RawSource, target: Path) -> Iterator[IO[bytes]]:
    """Compressed where the raw file is; without the time, so that the same rows give the same bytes."""
    with target.open("wb") as file:
        if not is_compressed(raw.source_key):
            yield file
            return
        with gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0) as packed:
            yield packed  # type: ignore[misc]  # it writes bytes, as a file does
