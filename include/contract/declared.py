"""The declarations that apply: those of `datasets.py`, some of them replaced by a contract file."""

import runpy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from include.contract import datasets
from include.contract.model import Dataset
from include.contract_file import CONTRACT_VARIABLE, describe_contract_file, find_contract_file
from include.errors import ContractError


def load_declarations() -> Mapping[str, Any]:
    """The declarations by name. A contract file replaces those of `datasets.py` that it declares itself.

    Raises
    ------
    ContractError: the file does not exist, cannot be run, or declares a dataset that nothing would use.
    """
    declared, path = dict(vars(datasets)), find_contract_file()
    if path:
        declared |= _run_contract_file(path)
    used = tuple(declared.get(dataset.name.upper(), dataset) for dataset in declared["DATASETS"])
    if unused := list(_find_unused(declared, used)):
        raise ContractError(
            f"{describe_contract_file()} declares {', '.join(unused)}, which DATASETS does not list. "
            f"It lists {', '.join(dataset.name.upper() for dataset in used)}."
        )
    return declared | {"DATASETS": used}


def _find_unused(declared: Mapping[str, Any], used: tuple[Dataset, ...]) -> Iterator[str]:
    """Declarations without effect, such as a misspelt `ORDRES = ORDERS.adapt(…)`."""
    known = (*used, *datasets.DATASETS)
    for name, value in declared.items():
        if isinstance(value, Dataset) and value not in known and not name.startswith("_"):
            yield name


def _run_contract_file(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ContractError(f"{CONTRACT_VARIABLE} names {path}, and there is no such file.")
    try:
        return {name: value for name, value in runpy.run_path(str(path)).items() if name.isupper()}
    except ContractError:
        raise
    except Exception as error:
        raise ContractError(
            f"{describe_contract_file()} cannot be used as the contract: {type(error).__name__}: {error}"
        ) from error
