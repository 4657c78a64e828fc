"""Rejected rows that a person has corrected. They replace the raw lines that they were rejected from.

Raw files are never changed: the run's snapshot is patched line by line, so that later stages need not know
of repairs and rejected rows keep their line numbers. A repair belongs to one version of a raw file: when that
is replaced, the line numbers no longer apply.
"""

import codecs
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

from include.contract import DATASETS, Dataset
from include.engine.batches import parse_all_columns, read_file_blocks
from include.engine.csv_blocks import find_last_line_end
from include.engine.csv_records import Block, count_lines
from include.engine.decoding import make_encoder
from include.engine.raw_file import Header, RawSource, open_raw, read_header
from include.errors import RepairError
from include.keys import is_compressed

LINE_NUMBER, RAW_ETAG = "line_number", "raw_etag"
#: Columns of an exported quarantine that inform a person and are not read back.
INFORMATION = ("reasons", "raw_line", "source_key")

_DELIMITERS = (",", ";", "\t")

_BLOCK_BYTES = 6 * 1024 * 1024
_LINE = re.compile(rb"[^\r\n]*+(?:\r\n|\n|\r)|[^\r\n]+")

#: The values of a row, by column.
Row = dict[str, str]


@dataclass(frozen=True)
class Repair:
    """The corrected rows, by the line of the raw file that each one replaces.

    Parameters
    ----------
    source: the path or URL of the repair file.
    raw_etag: the version of the raw file that the line numbers belong to.
    """

    source: str
    raw_etag: str
    rows: Mapping[int, Row]


def read_repair(body: bytes, source: str, dataset: Dataset) -> Repair:
    """Read a repair file: columns of the raw file, `line_number` and `raw_etag`.

    Accepts what spreadsheets save: semicolons or tabs, a byte order mark, blank rows, and rows without their
    last empty fields. A row without values leaves its raw line as it was delivered.

    Raises
    ------
    RepairError: the file cannot be used; names the line.
    """
    text = _decode(body, source)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_find_delimiter(text), strict=True)
    try:
        records = [(reader.line_num, _strip_trailing_empty_fields(record)) for record in reader]
    except csv.Error as error:
        place = f"line {reader.line_num}"
        raise RepairError(source, place, f"not CSV ({error})", "Export the quarantine again.") from error
    if records and records[0][1][:1] == ["sep="]:
        del records[0]
    filled = [(line, record) for line, record in records if record]
    names = [dataset.name_of(name) for name in filled[0][1]] if filled else []
    _check_header(names, source, dataset)
    return _make_repair(names, filled[1:], source, dataset)


def _decode(body: bytes, source: str) -> str:
    is_utf16 = body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return body.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        remedy = "Save it as CSV in UTF-8; Excel calls that CSV UTF-8."
        raise RepairError(source, f"line {line}", "not UTF-8 text", remedy) from error


def _find_delimiter(text: str) -> str:
    """What separates the names of the header; a line `sep=;` may come before it."""
    first, _, rest = text.partition("\n")
    header = rest.partition("\n")[0] if first.startswith("sep=") else first
    return max(_DELIMITERS, key=header.count)


def _strip_trailing_empty_fields(record: list[str]) -> list[str]:
    while record and not record[-1]:
        record.pop()
    return record


def _check_header(names: Sequence[str], source: str, dataset: Dataset) -> None:
    known = (*dataset.column_names, LINE_NUMBER, RAW_ETAG, *INFORMATION)
    missing = [name for name in (LINE_NUMBER, RAW_ETAG) if name not in names]
    unknown = [name for name in names if name not in known]
    repeated = [name for name in names if names.count(name) > 1]
    if missing:
        problem = f"the column {missing[0]} is missing"
    elif unknown:
        problem = f"{dataset.name} have no column {unknown[0]!r}"
    elif repeated:
        problem = f"the column {repeated[0]} appears twice"
    else:
        return
    raise RepairError(source, "line 1", problem, "Keep the columns of the export.")


def _make_repair(
    names: Sequence[str], records: Sequence[tuple[int, list[str]]], source: str, dataset: Dataset
) -> Repair:
    rows: dict[int, Row] = {}
    raw_etag = ""
    for line, record in records:
        fields = _name_fields(names, record, source, f"line {line}")
        number = _read_line_number(fields[LINE_NUMBER], source, f"line {line}")
        if number in rows:
            problem = f"line {number} of the raw file is repaired twice"
            raise RepairError(source, f"line {line}", problem, "Keep one of the two rows.")
        if not fields[RAW_ETAG] or fields[RAW_ETAG] != (raw_etag or fields[RAW_ETAG]):
            problem = f"{RAW_ETAG} is empty or differs from the rows above"
            raise RepairError(source, f"line {line}", problem, "Keep it as exported, in every row.")
        raw_etag = fields[RAW_ETAG]
        rows[number] = {name: fields[name] for name in dataset.column_names if fields.get(name)}
    if not raw_etag:
        raise RepairError(source, "", "the file has no rows", "Export the quarantine again.")
    return Repair(source, raw_etag, {number: row for number, row in rows.items() if row})


def _name_fields(names: Sequence[str], record: Sequence[str], source: str, place: str) -> Row:
    if len(record) > len(names):
        problem = f"{len(record)} fields, and the header has {len(names)}"
        raise RepairError(source, place, problem, "Quote values that contain the delimiter.")
    return dict(zip(names, [*record, *[""] * (len(names) - len(record))], strict=True))


def _read_line_number(text: str, source: str, place: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,17}", text) or text == "1":
        # The value is not shown: in a shifted row it may be anything.
        problem = f"{LINE_NUMBER} is not a valid line number"
        raise RepairError(source, place, problem, "Keep it as exported.")
    return int(text)


def patch_file(raw: RawSource, repair: Repair, target: Path) -> None:
    """Write the raw file with the repaired rows in it; every other row stays on its line, byte for byte.

    Raises
    ------
    RepairError: a row cannot replace its line.
    RawFileError: the raw file as a whole cannot be used.
    """
    header = read_header(raw)
    others = _read_other_datasets(raw, header, repair)
    lines = _plan_lines(_find_ends(raw, header, repair), header, repair, others)
    number, encode = 1, make_encoder(raw.dataset.format)
    with open_raw(raw) as stream, _open_target(raw, target) as patched:
        for piece in _read_whole_lines(stream):
            following = number + count_lines(piece)
            is_patched = any(number <= line <= following for line in lines)
            text = _patch(piece, number, lines, repair) if is_patched else piece
            patched.write(encode(text))
            number = following
    _check_rows_not_swallowed(RawSource(raw.dataset, target, raw.source_key), header, repair)


def _check_rows_not_swallowed(patched: RawSource, header: Header, repair: Repair) -> None:
    """An open quote on a malformed line may close inside a repaired row and merge the two."""
    try:
        _find_ends(patched, header, repair)
    except RepairError as error:
        problem = "an open quote on an earlier line of the raw file includes a repaired row"
        raise RepairError(repair.source, "", problem, "Repair that line as well.") from error


def _find_ends(raw: RawSource, header: Header, repair: Repair) -> dict[int, int]:
    """The line after each row to be replaced, by the line of that row: a row may span several lines."""
    wanted, ends = np.array(sorted(repair.rows)), {}
    for block in read_file_blocks(raw, header, _BLOCK_BYTES):
        following = block.first_line + block.line_count
        for line in wanted[(wanted >= block.first_line) & (wanted < following)].tolist():
            starts = np.append(_list_starts(block), following)
            place = int(np.searchsorted(starts, line))
            if starts[place] != line:
                raise _make_missing_row_error(repair, line)
            ends[line] = int(starts[place + 1])
    if beyond := repair.rows.keys() - ends.keys():
        raise _make_missing_row_error(repair, min(beyond))
    return ends


def _list_starts(block: Block) -> npt.NDArray[np.int64]:
    """The numbers of the lines on which a row or a malformed record starts."""
    if block.record_lines is None:
        return np.arange(block.first_line, block.first_line + block.line_count)
    malformed = np.array([line.number for line in block.malformed], np.int64)
    return np.union1d(block.record_lines, malformed)


def _read_other_datasets(raw: RawSource, header: Header, repair: Repair) -> dict[int, dict[int, str]]:
    """By line and place, the values of repaired rows that belong to other datasets in the file."""
    if not any(dataset.delivered_in == raw.dataset.name for dataset in DATASETS.values()):
        return {}
    places = [place for place, name in enumerate(header.columns) if name not in raw.dataset.column_names]
    found = {}
    for block in read_file_blocks(raw, header, _BLOCK_BYTES):
        batch = parse_all_columns(block, header)
        for index in np.flatnonzero(np.isin(batch.line_numbers, list(repair.rows))).tolist():
            values = {place: batch.rows.column(place)[index].as_py() or "" for place in places}
            found[int(batch.line_numbers[index])] = values
    return found


def _plan_lines(
    ends: Mapping[int, int], header: Header, repair: Repair, others: Mapping[int, Mapping[int, str]]
) -> dict[int, bytes | None]:
    """The replacement of each line; None where a line is left out.

    Where a repaired row has fewer lines than the raw one, blank lines, which are not rows, follow it.
    """
    lines: dict[int, bytes | None] = {}
    for start, end in ends.items():
        text = _write_row(repair, start, header, others.get(start, {}))
        left_out = count_lines(text)
        if start + left_out >= end:
            problem = f"the row for line {start} has more line breaks than the raw one"
            raise RepairError(repair.source, "", problem, "Remove them from its values.")
        lines |= dict.fromkeys(range(start, end), b"")
        lines |= dict.fromkeys(range(start + 1, start + 1 + left_out))
        lines[start] = text
    return lines


def _write_row(repair: Repair, line: int, header: Header, others: Mapping[int, str]) -> bytes:
    row = repair.rows[line]
    if unknown := row.keys() - set(header.columns):
        problem = f"the row for line {line} has a value for {min(unknown)}, which the raw file does not have"
        raise RepairError(repair.source, "", problem, "Leave that column empty.")
    text = io.StringIO()
    # The restorer swaps characters, so applying it again undoes it.
    values = [
        row.get(name, others.get(place, "")).translate(header.restorer or {})
        for place, name in enumerate(header.columns)
    ]
    csv.writer(text, lineterminator="\r\n").writerow(values)
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
            raise _make_missing_row_error(repair, number)
        patched.append(
            line if number not in lines else text + _choose_end(line[len(content) :], number, lines)
        )
    return b"".join(patched)


def _choose_end(end: bytes, number: int, lines: Mapping[int, bytes | None]) -> bytes:
    """Use LF before an emptied line: a CR would merge with that line's LF into one CRLF."""
    following = number + 1
    while lines.get(following, b"x") is None:
        following += 1
    return b"\n" if end == b"\r" and lines.get(following) == b"" else end


def _make_missing_row_error(repair: Repair, line: int) -> RepairError:
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
    """Compressed if the raw file is; without a timestamp, so that the same rows give the same bytes."""
    with target.open("wb") as file:
        if not is_compressed(raw.source_key):
            yield file
            return
        with gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0) as packed:
            yield packed  # type: ignore[misc]  # it writes bytes, as a file does
