"""What `make inspect` prints of each file: its columns, and which dataset it is."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from include.contract import DELIVERED, Kind
from include.errors import RawFileError
from include.inspection.columns import Finding, examine_column
from include.inspection.mapping import Match, match_files
from include.inspection.sample import SAMPLE_BYTES, Sample, read_sample
from include.inspection.shapes import find_shapes

_SUFFIXES = (".csv", ".csv.gz", ".tsv", ".txt", ".tsv.gz", ".txt.gz")


@dataclass(frozen=True)
class Inspection:
    """Everything that was found in a folder. `errors` are the files that cannot be read at all."""

    samples: list[Sample]
    findings: dict[str, list[Finding]]
    matches: list[Match]
    errors: list[RawFileError]


def list_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name.lower().endswith(_SUFFIXES))


def inspect_files(paths: Iterable[Path]) -> Inspection:
    """Look at every file; what is wrong with one does not keep the others from being looked at."""
    samples: list[Sample] = []
    errors: list[RawFileError] = []
    for path in paths:
        try:
            samples.append(read_sample(path))
        except RawFileError as error:
            errors.append(error)
    findings = {
        sample.path.name: [
            examine_column(header, sample.column(place)) for place, header in enumerate(sample.header)
        ]
        for sample in samples
    }
    matches = find_shapes(match_files(samples, findings, DELIVERED.values()), samples, findings)
    return Inspection(samples, findings, matches, errors)


def print_inspection(inspection: Inspection, console: Console) -> None:
    # A wide file is shown as what it is first: orders.
    matched = {match.sample.path: match for match in reversed(inspection.matches)}
    for sample in inspection.samples:
        _print_file(sample, inspection.findings[sample.path.name], matched.get(sample.path), console)
    for error in inspection.errors:
        console.print(f"\n{error}", style="red", markup=False, highlight=False)


def _print_file(sample: Sample, findings: Sequence[Finding], match: Match | None, console: Console) -> None:
    rows = f"{len(sample.rows):,} rows" + (
        "" if sample.is_whole else f" in the first {SAMPLE_BYTES >> 20} MiB"
    )
    console.print(f"\n[bold]{sample.path.name}[/bold]  {rows}, {_describe_format(sample)}", highlight=False)
    for line in _describe_file(sample, match):
        console.print(f"  {line}", markup=False, highlight=False)
    columns = {header: name for name, header in match.headers.items()} if match else {}
    table = Table("header", "column", "type", "fits", "unique", "looks like", "notes", box=None)
    empty = [finding for finding in findings if not finding.filled and finding.header not in columns]
    for finding in findings:
        if finding in empty:
            continue
        table.add_row(
            _show(finding.header),
            columns.get(finding.header, ""),
            _describe_kind(finding),
            f"{finding.share:.0%}" if finding.filled else "",
            "yes" if finding.is_unique else "",
            finding.shape,
            "; ".join(_describe_notes(finding)),
        )
    console.print(table)
    if empty:
        console.print(
            f"  empty: {', '.join(_show(each.header) for each in empty)}", markup=False, highlight=False
        )


def _show(header: str) -> str:
    return header if header.isprintable() else ascii(header)


def _describe_format(sample: Sample) -> str:
    names = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes"}
    delimiter = names.get(sample.format.delimiter, repr(sample.format.delimiter))
    escape = f", escape {sample.format.escape}" if sample.format.escape else ""
    return f"{sample.format.encoding}, {delimiter}{escape}"


def _describe_file(sample: Sample, match: Match | None) -> Iterator[str]:
    yield from sample.notes
    if sample.malformed:
        yield f"{sample.malformed:,} rows have another number of fields than the header: malformed_row"
    if match is None:
        yield "looks like none of the datasets of the contract, or another file fits better"
        return
    yield f"looks like {match.dataset.name}"
    for name in match.missing:
        column = match.dataset.column(name)
        remedy = "it may be empty, so the proposal leaves it out" if column.nullable else "find its header"
        yield f"nothing looks like the required column {name}: {remedy}"


def _describe_kind(finding: Finding) -> str:
    if not finding.filled:
        return "empty"
    names = {Kind.DECIMAL: "decimal", Kind.TIMESTAMP: "timestamp"}
    return names.get(finding.kind, str(finding.kind))


def _describe_notes(finding: Finding) -> Iterator[str]:
    if finding.format.null_words:
        yield "null words " + ", ".join(finding.format.null_words)
    if finding.format.timestamp_formats:
        yield "written " + ", ".join(finding.format.timestamp_formats)
    if (finding.format.decimal_separator, finding.format.thousands_separator) != (".", ""):
        yield f"1{finding.format.thousands_separator}234{finding.format.decimal_separator}50"
    yield from finding.notes
