"""A coverage-guided fuzzer of the reader: `python -m tests.fuzz_reader -max_total_time=60 [CORPUS]`.

It feeds arbitrary bytes to the engine and to the slow reference and stops where they disagree, or where
anything but a RawFileError is raised. Arguments are those of libFuzzer.
"""

import datetime as dt
import gzip
import io
import os
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["include"]):
    import pandas as pd
    import pyarrow as pa

    from include.contract import CUSTOMERS, ORDERS, PRODUCTS, Kind
    from include.engine.batches import parse_block, read_file_blocks
    from include.engine.blanks import BLANKS
    from include.engine.csv_blocks import read_blocks
    from include.engine.parse import parse
    from include.engine.raw_file import Header, RawSource, read_header
    from include.errors import RawFileError
from tests import reference

READERS = {
    Kind.WHOLE_NUMBER: reference.read_whole_number,
    Kind.DECIMAL: reference.read_decimal,
    Kind.TIMESTAMP: reference.read_timestamp,
}
BLOCK_BYTES = (1, 2, 3, 5, 17, 1 << 20)
#: Few signs, so that chance makes records of them.
SIGNS = bytes(b',"\r\na1 "'[byte % 8] for byte in range(256))


def fuzz(data: bytes) -> None:
    if len(data) < 2:
        return
    choice, block_bytes, content = data[0], BLOCK_BYTES[data[1] % len(BLOCK_BYTES)], data[2:]
    if choice < 100:
        check_records(content.translate(SIGNS), 1 + choice % 4, block_bytes)
    elif choice < 160:
        check_records(content, 1 + choice % 4, block_bytes)
    elif choice < 220:
        check_fields(content)
    else:
        check_file(content, (".csv", ".csv.gz", ".csv.gz")[choice % 3], is_zipped=choice % 3 == 1)


def check_records(content: bytes, column_count: int, block_bytes: int) -> None:
    """Rows, their lines and malformed lines are those of the reference, wherever blocks are cut.

    Blank rows are skipped.
    """
    columns = tuple("abcd"[:column_count])
    rows: list[tuple[object, ...]] = []
    malformed: list[tuple[int, str]] = []
    try:
        for block in read_blocks(io.BytesIO(content), "x.csv", block_bytes):
            batch = parse_block(block, Header(columns, 0), columns)
            batch.rows.validate(full=True)
            rows += zip(
                batch.line_numbers.tolist(), *(column.to_pylist() for column in batch.rows), strict=True
            )
            malformed += [(line.number, line.text) for line in batch.malformed]
    except RawFileError:
        assert not is_text(content), "text was refused"
        return
    assert is_text(content), "this is no text, and was read"
    found = list(reference.read_records(content.decode(), column_count))
    expected = [
        (line, *(value or None for value in row))
        for line, row in found
        if not isinstance(row, str) and any(row)
    ]
    assert rows == expected, (rows, expected)
    refused = [(line, row) for line, row in found if isinstance(row, str)]
    assert malformed == refused, (malformed, refused)


def check_fields(content: bytes) -> None:
    """Every kind reads the same values as the reference, which knows of no blanks around them."""
    texts = content.decode(errors="ignore").split("\n")
    column = pd.Series([*texts, None], dtype=pd.ArrowDtype(pa.string()))
    for kind, read in READERS.items():
        values = pa.array(parse(column, kind)).to_pylist()
        expected = [*(read(text.strip(BLANKS) or None) for text in texts), None]
        assert values == expected, (kind, texts, values, expected)
        assert all(value.tzinfo is not None for value in values if isinstance(value, dt.datetime))


def check_file(content: bytes, suffix: str, *, is_zipped: bool) -> None:
    """A file is read to its end or refused, whatever it holds."""
    FILE.write_bytes(gzip.compress(content, 1) if is_zipped else content)
    for dataset in (CUSTOMERS, PRODUCTS, ORDERS):
        source = RawSource(dataset, FILE, f"x{suffix}")
        try:
            header = read_header(source)
            for block in read_file_blocks(source, header, 64):
                parse_block(block, header, dataset.column_names)
        except RawFileError:
            continue


def is_text(content: bytes) -> bool:
    try:
        return "\0" not in content.decode()
    except UnicodeDecodeError:
        return False


if __name__ == "__main__":
    # In memory, because libFuzzer ends the process without any cleanup.
    FILE = Path(f"/proc/self/fd/{os.memfd_create('raw')}")
    atheris.Setup(sys.argv, fuzz)
    atheris.Fuzz()
