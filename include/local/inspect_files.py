"""`make inspect`: what a shop's files are, and the contract that reads them."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from include.contract import DATASETS, DELIVERED
from include.engine.raw_file import RawSource
from include.errors import RawFileError
from include.inspection.mapping import Match
from include.inspection.report import inspect_files, list_files, print_inspection
from include.local.errors import LocalError
from include.local.session import make_console
from include.manifest import describe_counts
from include.transform import check_headers, transform_files

#: Larger files are not transformed just to see what would become of them.
_MOST_BYTES = 500 * 1024 * 1024
_BATCH_BYTES = 6 * 1024 * 1024


def main(folder: Path | None) -> None:
    """Inspect every CSV file of a folder and print what was found.

    Raises
    ------
    LocalError: there is nothing to inspect, or nothing can be read.
    """
    if folder is None or not folder.is_dir():
        raise LocalError("Give the folder with your files: make inspect RAW=path/to/folder")
    paths = list_files(folder)
    if not paths:
        raise LocalError(f"{folder} has no file that ends in .csv, .tsv or .txt, or in one of these and .gz.")
    inspection, console = inspect_files(paths), make_console()
    print_inspection(inspection, console)
    console.print("\nWith the contract as it is now:", markup=False)
    for line in try_contract(inspection.matches):
        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
    if not inspection.samples:
        raise LocalError("None of the files can be read.")


def try_contract(matches: Sequence[Match]) -> Iterator[str]:
    """What a run of today would make of the files: a line for each fault, or for each file."""
    sources = {
        match.dataset.name: RawSource(match.dataset, match.sample.path, match.sample.path.name)
        for match in matches
    }
    missing = [name for name in DELIVERED if name not in sources]
    sources |= {
        name: RawSource(dataset, file.path, file.source_key)
        for name, dataset in DATASETS.items()
        if dataset.delivered_in and (file := sources.get(dataset.delivered_in))
    }
    if missing:
        yield f"nothing could be published: no file looks like {', '.join(missing)}"
    try:
        check_headers(sources.values())
        if missing:
            return
        if sum(source.path.stat().st_size for source in sources.values()) > _MOST_BYTES:
            yield "every header is as declared; the files are too large to try the rows here"
            return
        with tempfile.TemporaryDirectory(prefix="inspect-") as folder:
            yield from describe_counts(transform_files(sources, Path(folder), _BATCH_BYTES))
    except RawFileError as error:
        yield from str(error).splitlines()
