"""`make inspect`: odd exports, and the contract that it proposes for them, tried on the same files."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from include.contract.model import Kind
from include.errors import RawFileError
from include.inspection.columns import examine_column, make_shape
from include.inspection.report import inspect_files, list_files, print_inspection
from include.inspection.sample import read_sample
from tests.project_files import PROJECT

ROWS = range(60)

GERMAN = {
    "Kunden.csv": "Kundennummer;Kundenname;E-Mail;Ort;Land\r\n"
    + "".join(f"K{n};Jörg Groß {n};j{n}@example.com;Köln;DE\r\n" for n in range(20)),
    "Artikel.csv": "Artikelnummer;Bezeichnung;Warengruppe;Preis\r\n"
    + "".join(f"A{n};Größe {n};Möbel;{n + 1}.100,90\r\n" for n in range(7)),
    "Bestellungen.csv": "sep=;\r\nBestellnummer;Kundennummer;Artikelnummer;Bestelldatum;Lieferdatum;Menge;"
    "Einzelpreis\r\n"
    + "".join(
        f"B{n};K{n % 20};A{n % 7};{1 + n % 28:02}.11.2026 10:{n:02};;{1 + n % 3};1.200,50\r\n" for n in ROWS
    ),
}
AMERICAN = {
    "accounts.tsv": "Account\tFull Name\tTown\tCountry Code\n"
    + "".join(f"U{n}\tAnn {n}\tBoston\tUS\n" for n in range(20)),
    "items.tsv": "SKU\tTitle\tDepartment\tRegular Price\n"
    + "".join(f"S{n}\tMug {n}\tKitchen\t1,{n}00.50\n" for n in range(7)),
    "sales.tsv": "Order Number\tLine No\tAccount\tSKU\tOrdered At\tDelivered At\tQty\tUnit Price\n"
    + "".join(
        f"#{1000 + n // 2}\t{1 + n % 2}\tU{n % 20}\tS{n % 7}\t"
        f"{1 + n % 12}/{1 + n % 28}/2025 {1 + n % 11}:05 PM\t\t{1 + n % 3}\t1,050.25\n"
        for n in ROWS
    ),
}
DUMP = {
    "customers.csv": "customer_id,name,email,city,country,signup_date\n"
    + "".join(f"{n},\\N,\\N,Paris,FR,0000-00-00 00:00:00\n" for n in range(1, 21)),
    "products.csv": "product_id,name,category,list_price\n"
    + "".join(f"{n},Mug,Home,NULL\n" for n in range(7)),
    "orders.csv": "entity_id,client_id,product,created_at,delivery_date,qty_ordered,price\n"
    + "".join(
        f"{n},{1 + n % 20},{n % 7},{1_762_353_000 + n * 60},NULL,{1 + n % 3}.0000,12.5000\n" for n in ROWS
    ),
}
EXPORTS = {"German": (GERMAN, "cp1252"), "American": (AMERICAN, "utf-16"), "dump": (DUMP, "utf-8")}


@pytest.mark.parametrize(("files", "encoding"), EXPORTS.values(), ids=EXPORTS)
def test_proposed_contract_publishes_the_files(tmp_path: Path, files: dict[str, str], encoding: str) -> None:
    folder, raw = tmp_path / "export", tmp_path / "raw"
    for each in (folder, raw):
        each.mkdir()
    for name, text in files.items():
        (folder / name).write_bytes(text.encode(encoding))
    inspection = inspect_files(list_files(folder))
    for match in inspection.matches:
        shutil.copy(match.sample.path, raw / f"{match.dataset.name}.csv")

    counts = transform_with_contract(tmp_path, print_to_text(folder), raw)

    assert {name: rows["published"] for name, rows in counts["rows"].items()} == {
        "customers": 20,
        "products": 7,
        "orders": len(ROWS),
    }


def print_to_text(folder: Path) -> str:
    console = Console(width=200, file=open(os.devnull, "w"), record=True)  # noqa: SIM115, PTH123
    print_inspection(inspect_files(list_files(folder)), console)
    return console.export_text()


def transform_with_contract(folder: Path, printed: str, raw: Path) -> dict[str, dict[str, dict[str, int]]]:
    """Paste what was printed into a copy of the contract, and transform the files with it."""
    shutil.copytree(PROJECT / "include", folder / "include", ignore=shutil.ignore_patterns("__pycache__"))
    contract = folder / "include/contract/datasets.py"
    text = contract.read_text()
    for declaration in re.findall(r"^[A-Z]+ = Dataset\(\n.*?^\)$", printed, re.MULTILINE | re.DOTALL):
        start = text.index("\n" + declaration.partition("\n")[0])
        text = text[:start] + "\n" + declaration + text[text.index("\n)\n", start) + 2 :]
    (imports,) = re.findall(r"^from include\.contract\.model import FileFormat$", printed, re.MULTILINE)
    contract.write_text(text.replace("\nfrom ", f"\n{imports}\nfrom ", 1))
    result = subprocess.run(
        [sys.executable, "-P", "-m", "include.local", "transform", str(raw), str(folder / "out")],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    counts: dict[str, dict[str, dict[str, int]]] = json.loads(result.stdout.splitlines()[-1])
    return counts


@pytest.mark.parametrize(
    ("values", "kind", "declared"),
    [
        (["1", "20", ""], Kind.WHOLE_NUMBER, {}),
        (["1.234,50", "7,00"], Kind.DECIMAL, {"decimal_separator": ",", "thousands_separator": "."}),
        (["13/02/2026", "01/02/2026"], Kind.TIMESTAMP, {"timestamp_formats": ("%d/%m/%Y",)}),
        (["2026-11-21T10:00:00Z"], Kind.TIMESTAMP, {}),
        (["00123", "00124"], Kind.TEXT, {}),
        (["Ann", "Bob"], Kind.TEXT, {}),
        (["NULL", "3"], Kind.WHOLE_NUMBER, {"null_words": ("NULL",)}),
    ],
)
def test_type_of_a_column(values: list[str], kind: Kind, declared: dict[str, object]) -> None:
    finding = examine_column("any", values)

    assert finding.kind is kind
    assert {name: getattr(finding.format, name) for name in declared} == declared


def test_ambiguous_date_format_is_said() -> None:
    finding = examine_column("date", ["01/02/2026", "03/04/2026"])

    assert "%m/%d/%Y and %d/%m/%Y fit every value" in finding.notes[0]


def test_no_value_is_printed(tmp_path: Path) -> None:
    (tmp_path / "Kunden.csv").write_bytes(GERMAN["Kunden.csv"].encode("cp1252"))

    printed = print_to_text(tmp_path)

    assert not re.search("Jörg|Groß|example.com|Köln", printed)
    assert make_shape("Jörg 12 <a@b.c>") == "Aaaa 00 <a@a.a>"


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "zero bytes"), (b"\x00\x01\x02", "no columns"), (b"just a text\n", "no ")],
    ids=["empty", "binary", "text"],
)
def test_file_without_a_table_says_so(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "odd.csv"
    path.write_bytes(content)

    with pytest.raises(RawFileError, match=message):
        read_sample(path)
