"""The raw files of the benchmarks, generated once and cached under `.local/bench/`."""

import datetime as dt
import gzip
import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import PROJECT, run_module
from include.contract import DATASETS, MALFORMED_ROW, reasons

FOLDER = PROJECT / ".local" / "bench"
#: On this day the shop has exactly the requested number of accounts.
DAY = dt.date(2026, 12, 14)
#: The sources of the generator.
_GENERATOR = (
    *(
        "include/generate.py",
        "include/contract/datasets.py",
        "include/contract/model.py",
        "benchmarks/data.py",
    ),
    *sorted(
        path.relative_to(PROJECT).as_posix() for path in (PROJECT / "include" / "sample_data").glob("*.py")
    ),
)


@dataclass(frozen=True)
class Size:
    """The number of rows of the three files."""

    orders: int
    customers: int
    products: int


def prepare_raw_files(size: Size) -> Path:
    """The folder with the files of a size, regenerated when the generator has changed.

    About 1 % of the rows are dirty, with every reason except malformed rows, which the tools handle
    differently.
    """
    fingerprint = hashlib.sha256(b"".join((PROJECT / path).read_bytes() for path in _GENERATOR)).hexdigest()[
        :12
    ]
    name = f"{size.orders}-{size.customers}-{size.products}"
    folder = FOLDER / "raw" / f"{name}-{fingerprint}"
    if not folder.exists():
        for stale in (FOLDER / "raw").glob(f"{name}-*"):
            shutil.rmtree(stale)
        unfinished = folder.with_suffix(".unfinished")
        # In a separate process, see `run_module`.
        run_module("benchmarks.data", unfinished, size.orders, size.customers, size.products)
        unfinished.rename(folder)
    return folder


def prepare_compressed_files(folder: Path) -> Path:
    """The same files as `.csv.gz`, at gzip's default level."""
    compressed = folder.with_name(folder.name + "-gz")
    if not compressed.exists():
        unfinished = compressed.with_suffix(".unfinished")
        unfinished.mkdir(exist_ok=True)
        for name in DATASETS:
            with (
                (folder / f"{name}.csv").open("rb") as plain,
                gzip.open(unfinished / f"{name}.csv.gz", "wb", compresslevel=6) as target,
            ):
                shutil.copyfileobj(plain, target, 1024 * 1024)
        unfinished.rename(compressed)
    return compressed


def _list_uncommon_reasons() -> set[str]:
    """The reject reasons that the peers do not implement."""
    kinds = ("_untrimmed", "_too_long", "_implausible")
    found = {reason for dataset in DATASETS.values() for reason in reasons(dataset)}
    return {reason for reason in found if reason.endswith(kinds) or reason.startswith("rejected_")}


def generate_raw_files(folder: Path, size: Size) -> None:
    from include.generate import generate

    generate(
        DAY,
        folder,
        orders=size.orders,
        customers=size.customers,
        products=size.products,
        leave_out={MALFORMED_ROW, *_list_uncommon_reasons()},
    )


if __name__ == "__main__":
    import sys

    generate_raw_files(Path(sys.argv[1]), Size(*map(int, sys.argv[2:])))
