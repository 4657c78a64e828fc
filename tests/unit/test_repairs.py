"""Repaired rows in the place of the raw lines that they were refused from."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.contract import CUSTOMERS, DATASETS, ORDERS, Column, Dataset, Kind
from include.engine.batches import parse_block, read_file_blocks
from include.engine.raw_file import RawSource, read_header
from include.errors import RepairError
from include.inputs.repairs import Repair, patch_file, read_repair

HEADER = "customer_id,name,city\n"


def patch(folder: Path, raw: bytes, rows: dict[int, dict[str, str]], suffix: str = ".csv") -> bytes:
    source = RawSource(CUSTOMERS, folder / f"raw{suffix}", f"s3://raw/customers{suffix}")
    source.path.write_bytes(gzip.compress(raw) if suffix.endswith(".gz") else raw)
    patch_file(source, Repair("s3://fix.csv", "etag", rows), folder / "patched")
    patched = (folder / "patched").read_bytes()
    return gzip.decompress(patched) if suffix.endswith(".gz") else patched


ANN, BOB = {"customer_id": "C1", "name": "Ann"}, {"customer_id": "C2", "name": 'Bob "B", jr', "city": "Rome"}
CASES: dict[str, tuple[str, dict[int, dict[str, str]], str]] = {
    "one line": ("x,,\ny,,\n", {2: ANN}, "C1,Ann,\ny,,\n"),
    "the last line, which does not end": ("x,,\ny,,", {3: ANN}, "x,,\nC1,Ann,"),
    "values that need quotes": ("x,,\n", {2: BOB}, 'C2,"Bob ""B"", jr",Rome\n'),
    "the wrong number of fields": ("x,,\ny\n", {3: ANN}, "x,,\nC1,Ann,\n"),
    "a quote that does not close": ('x,"a,\ny,,\n', {2: ANN}, "C1,Ann,\ny,,\n"),
    "other line ends": ("x,,\r\ny,,\r\n", {2: ANN}, "C1,Ann,\r\ny,,\r\n"),
    "only carriage returns": ("x,,\ry,,\r", {3: ANN}, "x,,\rC1,Ann,\r"),
    "a row on three lines leaves two blank ones": (
        'x,"a\nb\nc",\ny,,\n', {2: ANN}, "C1,Ann,\n\n\ny,,\n"
    ),
    "a row on two lines for one on three": (
        'x,"a\nb\nc",\ny,,\n', {2: {"customer_id": "C1", "name": "d\ne"}}, 'C1,"d\ne",\n\ny,,\n'
    ),
    "a row with a carriage return in it": ('"x\r",,\ny,,\n', {2: ANN}, "C1,Ann,\n\ny,,\n"),
    "behind a row on two lines": ('x,"a\nb",\ny,,\n', {4: ANN}, 'x,"a\nb",\nC1,Ann,\n'),
    "behind a blank line": ("x,,\n\ny,,\n", {4: ANN}, "x,,\n\nC1,Ann,\n"),
    "several": ("x,,\ny,,\nz,,\n", {4: BOB, 2: ANN}, 'C1,Ann,\ny,,\nC2,"Bob ""B"", jr",Rome\n'),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "rows", "patched"), CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_a_repaired_row_takes_the_place_of_its_line(
    tmp_path: Path, raw: str, rows: dict[int, dict[str, str]], patched: str, suffix: str
) -> None:
    found = patch(tmp_path, (HEADER + raw).encode(), rows, suffix)

    assert found.decode() == HEADER + patched


def test_patched_gzip_has_no_timestamp(tmp_path: Path) -> None:
    patch(tmp_path, (HEADER + "x,,\n").encode(), {2: ANN}, ".csv.gz")

    time_and_flags = (tmp_path / "patched").read_bytes()[3:8]
    assert time_and_flags == bytes(5)


def test_every_other_byte_stays_across_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f'C{n},"größe\n{n}",\n' if n % 7 == 0 else f"C{n},näme,x\n" for n in range(200)]
    raw = (HEADER + "".join(rows)).encode()
    monkeypatch.setattr("include.inputs.repairs._BLOCK_BYTES", 64)
    line = 2 + sum(row.count("\n") for row in rows[:98])

    expected = [*rows[:98], "C1,Ann,\n\n", *rows[99:]]
    assert patch(tmp_path, raw, {line: ANN}).decode() == HEADER + "".join(expected)


def test_repair_keeps_columns_of_other_datasets_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Column(name="shop", kind=Kind.TEXT, required=True, nullable=False, meaning="Where.")
    shops = Dataset(name="shops", key="shop", columns=(shop,), delivered_in="customers")
    monkeypatch.setitem(DATASETS, "shops", shops)
    source = RawSource(CUSTOMERS, tmp_path / "raw.csv", "s3://raw/customers.csv")
    source.path.write_text('shop,customer_id,name\n"N, 1",x,a\nS2,y,b\n')

    patch_file(source, Repair("s3://fix.csv", "etag", {2: ANN}), tmp_path / "patched")

    assert (tmp_path / "patched").read_text() == 'shop,customer_id,name\n"N, 1",C1,Ann\nS2,y,b\n'


FIELD = st.text(st.sampled_from('a",\n\r é'), max_size=6)


@given(
    raw=st.text(st.sampled_from('ab",\n\r'), max_size=60),
    choice=st.integers(0, 99),
    city=FIELD.filter(lambda text: not set(text) & {"\n", "\r"}),
)
def test_only_the_repaired_row_changes_whatever_the_file_holds(
    tmp_path_factory: pytest.TempPathFactory, raw: str, choice: int, city: str
) -> None:
    folder = tmp_path_factory.mktemp("patch")
    body = (HEADER + raw).encode()
    before = read_lines(folder, body)
    if not before:
        return
    line = sorted(before)[choice % len(before)]

    try:
        patched = patch(folder, body, {line: {"customer_id": "NEW", "city": city}})
    except RepairError as error:
        if "an open quote on an earlier line" in str(error) and '"' in raw:
            return
        raise
    after = read_lines(folder, patched)

    assert after == before | {line: ("NEW", "", city)}


def read_lines(folder: Path, body: bytes) -> dict[int, object]:
    """Each row, or line that is none, by its line number."""
    source = RawSource(CUSTOMERS, folder / "read.csv", "s3://raw/customers.csv")
    source.path.write_bytes(body)
    header = read_header(source)
    found: dict[int, object] = {}
    for block in read_file_blocks(source, header, 1 << 20):
        batch = parse_block(block, header, ("customer_id", "name", "city"))
        rows = zip(*(column.fill_null("").to_pylist() for column in batch.rows.columns), strict=True)
        found |= dict(zip(batch.line_numbers.tolist(), rows, strict=True))
        found |= {line.number: line.text for line in batch.malformed}
    return found


REFUSED: dict[str, tuple[str, dict[int, dict[str, str]], str]] = {
    "a line in the middle of a row": ('x,"a\nb",\n', {3: ANN}, "no row starts on line 3 of the raw file"),
    "a blank line": ("x,,\n\ny,,\n", {3: ANN}, "no row starts on line 3 of the raw file"),
    "a line behind the end": ("x,,\n", {9: ANN}, "no row starts on line 9 of the raw file"),
    "more line breaks than there is room for": (
        "x,,\n",
        {2: {"customer_id": "C1", "name": "a\nb"}},
        "the row for line 2 has more line breaks than the raw one",
    ),
    "an open quote before it": (
        '"\na\n',
        {3: {"customer_id": "C1", "city": ",,a"}},
        "an open quote on an earlier line of the raw file includes a repaired row",
    ),
    "a column that the raw file lacks": (
        "x,,\n",
        {2: {"customer_id": "C1", "country": "FR"}},
        "the row for line 2 has a value for country, which the raw file does not have",
    ),
}


@pytest.mark.parametrize(("raw", "rows", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_repair_that_does_not_fit_is_rejected(
    tmp_path: Path, raw: str, rows: dict[int, dict[str, str]], message: str
) -> None:
    with pytest.raises(RepairError, match=f"s3://fix.csv: {message}"):
        patch(tmp_path, (HEADER + raw).encode(), rows)


EXPORTED = (
    "line_number,raw_etag,reasons,order_id,quantity,status,raw_line\r\n"
    '7,e1,quantity_invalid,O7,2,"a;b, ""c""\n\td",\r\n9,e1,malformed_row,,,,"O9,C1"\r\n'
)
BY_SPREADSHEETS = {
    "as exported": EXPORTED.encode(),
    "semicolons and a byte order mark": (
        b"\xef\xbb\xbfline_number;raw_etag;reasons;order_id;quantity;status;raw_line\r\n"
        b'7;e1;quantity_invalid;O7;2;"a;b, ""c""\n\td";\r\n9;e1;malformed_row;;;;O9,C1\r\n'
    ),
    "tabs in UTF-16": (
        "line_number\traw_etag\treasons\torder_id\tquantity\tstatus\traw_line\n"
        '7\te1\tquantity_invalid\tO7\t2\t"a;b, ""c""\n\td"\n9\te1\tmalformed_row\t\t\t\tO9,C1\n'
    ).encode("utf-16"),
    "a line that names the delimiter": (
        b"sep=;\nline_number;raw_etag;order_id;quantity;status\n"
        b'7;e1;O7;2;"a;b, ""c""\n\td"\n9;e1;;;\n'
    ),
    "everything in quotes": (
        b'"line_number";"raw_etag";"order_id";"quantity";"status"\n'
        b'"7";"e1";"O7";"2";"a;b, ""c""\n\td"\n"9";"e1";"";"";""\n'
    ),
    "empty fields at the end are dropped": (
        b"line_number,raw_etag,order_id,quantity,status,raw_line\n"
        b'7,e1,O7,2,"a;b, ""c""\n\td"\n9,e1\n'
    ),
    "blank rows and columns": (
        b"line_number,raw_etag,order_id,quantity,status,,\n,,,,,,\n"
        b'7,e1,O7,2,"a;b, ""c""\n\td",,\n\n,,,,,,\n9,e1,,,,,\n,,,,,,\n'
    ),
}  # fmt: skip


@pytest.mark.parametrize("body", BY_SPREADSHEETS.values(), ids=BY_SPREADSHEETS.keys())
def test_repair_is_read_as_a_spreadsheet_saves_it(body: bytes) -> None:
    rows = {7: {"order_id": "O7", "quantity": "2", "status": 'a;b, "c"\n\td'}}

    assert read_repair(body, "s3://fix.csv", ORDERS) == Repair("s3://fix.csv", "e1", rows)


def test_a_repair_from_before_a_column_was_renamed_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    # Frozen for everybody else.
    monkeypatch.setitem(ORDERS.column("quantity").__dict__, "also_named", ("pieces",))

    repair = read_repair(b"line_number,raw_etag,pieces\n7,e1,2\n", "s3://fix.csv", ORDERS)

    assert repair.rows == {7: {"quantity": "2"}}


UNREADABLE = {
    "no line number": ("raw_etag,order_id\ne,O1\n", "line 1", "the column line_number is missing"),
    "no version": ("line_number,order_id\n2,O1\n", "line 1", "the column raw_etag is missing"),
    "an unknown column": (
        "line_number,raw_etag,orderid\n2,e,O1\n", "line 1", "orders have no column 'orderid'"
    ),
    "a column twice": (
        "line_number,raw_etag,raw_etag\n2,e,e\n", "line 1", "the column raw_etag appears twice"
    ),
    "a blank name": ("line_number,,raw_etag\n2,,e\n", "line 1", "orders have no column ''"),
    "too many fields": (
        "line_number,raw_etag,order_id\n2,e,O1\n3,e,O1,x\n", "line 3", "4 fields, and the header has 3"
    ),
    "too many fields, with semicolons": (
        "line_number;raw_etag;order_id\n2;e;O1;x\n", "line 2", "4 fields, and the header has 3"
    ),
    "no number": ("line_number,raw_etag\n2.0,e\n", "line 2", "line_number is not a valid line number"),
    "a number as text": ("line_number,raw_etag\n'2,e\n", "line 2", "line_number is not a valid line number"),
    "the header's line": ("line_number,raw_etag\n1,e\n", "line 2", "line_number is not a valid line number"),
    "the same line twice": (
        "line_number,raw_etag\n2,e\n2,e\n", "line 3", "line 2 of the raw file is repaired twice"
    ),
    "two versions": (
        "line_number,raw_etag\n2,e\n3,f\n", "line 3", "raw_etag is empty or differs from the rows above"
    ),
    "an empty version": ("line_number,raw_etag,order_id\n2,,O1\n", "line 2", "raw_etag is empty"),
    "no version at the end": ("line_number,raw_etag\n2,e\n3\n", "line 3", "raw_etag is empty"),
    "no rows": ("line_number,raw_etag\n", "", "the file has no rows"),
    "nothing": ("", "line 1", "the column line_number is missing"),
    "an open quote": ('line_number,raw_etag\n2,"e\n', "line 2", "not CSV"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "place", "problem"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_unreadable_repair_says_where_and_why(text: str, place: str, problem: str) -> None:
    with pytest.raises(RepairError) as raised:
        read_repair(text.encode(), "s3://fix.csv", ORDERS)

    where = f"s3://fix.csv ({place}): " if place else "s3://fix.csv: "
    assert str(raised.value).startswith(where + problem)


def test_repair_in_another_encoding_names_the_line() -> None:
    with pytest.raises(RepairError, match=r"\(line 2\): not UTF-8 text. Save it as CSV in UTF-8"):
        read_repair("line_number,raw_etag\n2,é\n".encode("latin-1"), "s3://fix.csv", ORDERS)
