"""The contract file: a shop's declarations in a Python file of their own. Standard library only."""

import os
from pathlib import Path

#: The environment variable that names the file, absolute or relative to the project.
CONTRACT_VARIABLE = "ECOMMERCE_CONTRACT"
PROJECT = Path(__file__).resolve().parents[1]
#: The file that applies without the variable, on every machine that the project is deployed to.
SHOP_FILE = PROJECT / "include/contract/shop.py"
DEFAULT_FILE = PROJECT / "include/contract/datasets.py"


def find_contract_file() -> Path | None:
    """The contract file, or None where `include/contract/datasets.py` applies alone."""
    if name := os.environ.get(CONTRACT_VARIABLE, "").strip():
        return PROJECT / Path(name).expanduser()
    return SHOP_FILE if SHOP_FILE.is_file() else None


def describe_contract_file() -> str:
    """The file with the declarations, for messages; relative to the project if it is inside."""
    path = find_contract_file() or DEFAULT_FILE
    return str(path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path)
