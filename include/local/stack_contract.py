"""The contract file of the running stack, which every command that works with that stack has to use."""

import os

from include.contract_file import CONTRACT_VARIABLE, describe_contract_file, find_contract_file
from include.local.errors import LocalError
from include.local.state import DEFAULT_STATE_DIR, State, read_record

_WITHOUT_STACK = ("inspect", "transform")


def use_contract_of_stack(command: str, state: State | None = None) -> None:
    """Choose the contract file that the stack was started with. Call it before the contract is imported.

    Raises
    ------
    LocalError: ECOMMERCE_CONTRACT names another file than the running stack uses.
    """
    if command == "down":
        # A stack can be stopped whatever the contract is.
        os.environ.pop(CONTRACT_VARIABLE, None)
        return
    recorded = _read_contract(state or State(DEFAULT_STATE_DIR))
    if recorded is None or command in _WITHOUT_STACK:
        return
    if recorded and not os.environ.get(CONTRACT_VARIABLE):
        os.environ[CONTRACT_VARIABLE] = recorded
    if str(find_contract_file() or "") != recorded:
        raise LocalError(
            f"The running stack uses {recorded or 'include/contract/datasets.py'}, and this command "
            f"{describe_contract_file()}. `make down` stops the stack."
        )


def _read_contract(state: State) -> str | None:
    """The contract file of the running stack: empty for the project's own; None if nothing is running."""
    record = read_record(state)
    if record is None:
        return None
    from include.local.processes import find_supervisor

    return record.contract if find_supervisor(state) == record.pid else None
