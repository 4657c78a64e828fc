"""`make inspect`: identify a shop's files, propose a contract for them, and preview the result."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from include.contract import DATASETS, datasets
from include.contract_file import CONTRACT_VARIABLE, PROJECT, SHOP_FILE, describe_contract_file
from include.inspection.contract_source import write_contract
from include.inspection.hints import list_hints
from include.inspection.mapping import Match
from include.inspection.proposal import propose_datasets
from include.inspection.report import inspect_files, list_files, print_inspection
from include.local.errors import LocalError
from include.local.session import make_console
from include.manifest import describe_counts

#: Larger files are not transformed just to see what would become of them.
_MAX_TRIAL_BYTES = 500 * 1024 * 1024
#: A contract is good enough if it publishes this share of the rows.
_MIN_PUBLISHED_SHARE = 0.99


def main(folder: Path | None, out: Path | None = None) -> None:
    """Inspect every CSV file of a folder, and print what was found or write the contract to a file.

    Raises
    ------
    LocalError: there is nothing to inspect, nothing can be read, or the file for the contract exists.
    """
    if folder is None or not folder.is_dir():
        raise LocalError("Give the folder with your files: make inspect RAW=path/to/folder")
    if out and out.exists():
        raise LocalError(f"{out} exists. Remove it, or give OUT another name.")
    paths = list_files(folder)
    if not paths:
        raise LocalError(f"{folder} has no .csv, .tsv or .txt file, plain or gzipped (.gz).")
    inspection, console = inspect_files(paths), make_console()
    print_inspection(inspection, console)
    if not inspection.matches:
        raise LocalError(f"None of the files looks like {', '.join(DATASETS)}, or none can be read.")
    proposed = propose_datasets(inspection.matches, [path.name for path in paths])
    source = write_contract(proposed, datasets.DATASETS)
    is_named = {each.name: each.file_pattern for each in proposed} == {
        name: dataset.file_pattern for name, dataset in DATASETS.items()
    }
    if sum(path.stat().st_size for path in paths) > _MAX_TRIAL_BYTES:
        current = proposed_trial = Trial(
            ["The files are too large for a trial here; `make run` shows what it publishes."]
        )
    else:
        current, proposed_trial = try_contracts(folder, inspection.matches, source)
    console.print(f"\nWith the current contract ({describe_contract_file()}):", highlight=False)
    _print_lines(console, current.lines)
    if current.is_enough and is_named:
        console.print("\nThe current contract already reads these files.")
        return
    if not source:
        _print_lines(console, list_hints(proposed, inspection.matches))
        return
    console.print("\nA contract for these files:\n")
    console.print(source, markup=False, highlight=False, soft_wrap=True)
    console.print("With that contract:")
    _print_lines(console, [*proposed_trial.lines, *list_hints(proposed, inspection.matches)])
    _finish(
        console, os.path.relpath(folder) if folder.is_relative_to(Path.cwd()) else str(folder), out, source
    )


def _finish(console: Console, folder: str, out: Path | None, source: str) -> None:
    if out:
        out.write_text(source)
        chosen = "" if out == SHOP_FILE else f" {CONTRACT_VARIABLE}={out}"
        text = f"Wrote {out}. Read it, then: make run RAW={folder}{chosen}"
    else:
        text = (
            f"`make inspect RAW={folder} OUT={SHOP_FILE.relative_to(PROJECT)}` saves it; then "
            f"`make run RAW={folder}` publishes the files with it."
        )
    console.print(f"\n{text}", markup=False, highlight=False, soft_wrap=True)


def _print_lines(console: Console, lines: Sequence[str]) -> None:
    for line in lines:
        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class Trial:
    """The result of transforming the files: one line for each fault, or for each file."""

    lines: list[str]
    is_enough: bool = False


def try_contracts(folder: Path, matches: Sequence[Match], source: str) -> tuple[Trial, Trial]:
    """Transform the files with the present contract and with the proposed one, each in its own process."""
    with TemporaryDirectory(prefix="inspect-") as name, ThreadPoolExecutor() as pool:
        scratch = Path(name)
        contract = scratch / "contract.py"
        contract.write_text(source)
        names = _link_files(matches, scratch / "named")
        now = pool.submit(_transform, scratch / "named", scratch / "now", {})
        then = pool.submit(_transform, folder, scratch / "then", {CONTRACT_VARIABLE: str(contract)})
        return _read_result(now.result(), names), _read_result(then.result(), {})


def _link_files(matches: Sequence[Match], folder: Path) -> dict[str, str]:
    """Give the files the names of the present contract, so that it can be tried on them."""
    folder.mkdir()
    names = {}
    for match in (match for match in matches if not match.dataset.delivered_in):
        suffix = ".gz" if match.sample.path.suffix.lower() == ".gz" else ""
        name = match.dataset.file_pattern.replace("*", "") + suffix
        (folder / name).symlink_to(match.sample.path.resolve())
        names[name] = match.sample.path.name
    return names


def _read_result(result: "subprocess.CompletedProcess[str]", names: Mapping[str, str]) -> Trial:
    if result.returncode:
        fault = re.sub(r" `make inspect[^.]*\.", "", result.stderr.removeprefix("error: ")).strip()
        for linked, name in names.items():
            fault = re.sub(rf"^{re.escape(linked)}\b", name, fault, flags=re.MULTILINE)
        return Trial(fault.splitlines())
    counts = json.loads(result.stdout.splitlines()[-1])
    rows = counts["rows"].values()
    is_enough = all(each["quarantined"] <= (1 - _MIN_PUBLISHED_SHARE) * each["read"] for each in rows)
    return Trial(describe_counts(counts), is_enough)


def _transform(raw: Path, out: Path, variables: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603 - the command is ours
        [sys.executable, "-m", "include.local", "transform", str(raw), str(out)],
        cwd=PROJECT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )
