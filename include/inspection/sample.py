"""The beginning of a file as rows of text: its encoding, delimiter, quote and header."""

import csv
import gzip
import io
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from include.contract.model import FileFormat
from include.engine.raw_file import find_utf_16
from include.errors import RawFileError

#: So much of a file is looked at.
SAMPLE_BYTES = 8 * 1024 * 1024
#: Code pages of exports in the wild; the first is meant where a text fits several.
_CODE_PAGES = (
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "cp1257",
    "cp932",
    "gb18030",
    "cp949",
    "big5",
)
_HOW_CLOSE = 0.1


@dataclass(frozen=True)
class Sample:
    """What the beginning of a file holds.

    Parameters
    ----------
    rows: as many fields as the header has; others are counted in `malformed`.
    is_whole: the file ends within the sample.
    """

    path: Path
    format: FileFormat
    header: tuple[str, ...]
    rows: list[list[str]]
    malformed: int
    is_whole: bool
    notes: list[str] = field(default_factory=list)

    def column(self, place: int) -> list[str]:
        return [row[place] for row in self.rows]


def read_sample(path: Path) -> Sample:
    """Read the beginning of a file, whatever its format.

    Raises
    ------
    RawFileError: it holds no text, or nothing that looks like a table.
    """
    data, is_whole = _read_beginning(path)
    if not data:
        raise RawFileError(path.name, "", "the file is empty (zero bytes)", "Export it again.")
    notes: list[str] = []
    encoding = find_encoding(data, notes)
    text = data.decode(encoding, errors="ignore" if not is_whole else "strict").lstrip("\ufeff")
    first, _, rest = text.partition("\n")
    body = rest if first.strip().strip('"').lower().startswith("sep=") and len(first.strip()) <= 7 else text
    file_format = find_dialect(path, body, encoding)
    rows = list(
        csv.reader(
            io.StringIO(body, newline=""),
            delimiter=file_format.delimiter,
            quotechar=file_format.quote or None,
            escapechar=file_format.escape or None,
            doublequote=not file_format.escape,
        )
    )
    if not is_whole and rows:
        rows.pop()
    if not rows or len(rows[0]) < 2:
        raise RawFileError(path.name, "line 1", "no columns were found", "Is this a CSV file with a header?")
    header, *records = [row for row in rows if any(map(str.strip, row))]
    whole = [row for row in records if len(row) == len(header)]
    return Sample(path, file_format, tuple(header), whole, len(records) - len(whole), is_whole, notes)


def _read_beginning(path: Path) -> tuple[bytes, bool]:
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            data = file.read(SAMPLE_BYTES + 1)
    except (OSError, EOFError) as error:
        raise RawFileError(path.name, "", f"it cannot be read ({error})", "Export it again.") from error
    if len(data) <= SAMPLE_BYTES:
        return data, True
    # Only whole lines, and only whole characters of two or four bytes.
    end = data.rfind(b"\n", 0, SAMPLE_BYTES) + 1
    return data[: (end or SAMPLE_BYTES) // 4 * 4], False


def find_encoding(data: bytes, notes: list[str]) -> str:
    """The encoding of a text: UTF-8 and UTF-16 for certain, other code pages by how their text looks."""
    if encoding := find_utf_16(data[:256]):
        return encoding
    try:
        data[: data.rfind(b"\n") + 1 or len(data)].decode()
    except UnicodeDecodeError:
        pass
    else:
        return "utf-8"
    from charset_normalizer import from_bytes

    found = from_bytes(data[: 512 * 1024], cp_isolation=list(_CODE_PAGES))
    best = found.best()
    if best is None:
        return _CODE_PAGES[0]
    close = [match for match in found if match.chaos <= best.chaos + _HOW_CLOSE]
    likely = list(dict.fromkeys(name for match in close for name in match.could_be_from_charset))
    encoding = next((page for page in _CODE_PAGES if page in likely), best.encoding)
    others = [page for page in likely if page != encoding]
    if others:
        notes.append(f"the encoding is a guess: {encoding}; {', '.join(others[:3])} would fit as well")
    return encoding


def find_dialect(path: Path, text: str, encoding: str) -> FileFormat:
    """Delimiter, quote and escape, as DuckDB's sniffer finds them."""
    import duckdb

    with tempfile.TemporaryDirectory(prefix="inspect-") as folder:
        copy = Path(folder, "sample.csv")
        copy.write_text(text, newline="")
        try:
            found = duckdb.execute(
                "SELECT Delimiter, Quote, Escape FROM sniff_csv(?, sample_size = 20000, all_varchar = true, "
                "ignore_errors = true)",
                [str(copy)],
            ).fetchone()
        except duckdb.Error as error:
            problem = "no delimiter was found"
            raise RawFileError(path.name, "", problem, "Is this a CSV file with a header?") from error
    delimiter, quote, escape = ("" if each == "(empty)" else str(each) for each in found or (",", '"', ""))
    # A sample without quotes says nothing about them; the double quote is what nearly all files use.
    quote = quote or '"'
    escape = "" if escape == quote else escape
    return FileFormat(delimiter=delimiter, quote=quote, escape=escape, encoding=encoding)
