"""The store of this checkout through boto3 alone, for commands that must not wait for Airflow's imports."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from include.keys import Layout
from include.local.errors import LocalError
from include.local.ports import find_free_ports
from include.local.settings_file import Connection, move_endpoint
from include.local.stack import Stack
from include.local.store import choose_ports, remove_sockets, start_store, wait_for_store
from include.s3.objects import Client


@dataclass(frozen=True)
class DirectStore:
    """The store, and where things are in it."""

    client: Client
    layout: Layout


@contextmanager
def open_store(stack: Stack) -> Iterator[DirectStore]:
    """The store of the running stack; of a stopped one, the store alone is started and stopped again.

    Raises
    ------
    LocalError: nothing was ever stored here, or a stack is just being started or stopped.
    """
    if record := stack.find_running():
        stack.join(record)
        yield DirectStore(connect(stack.settings.store), stack.layout)
        return
    stack.require_stopped()
    if not stack.state.store.exists():
        raise LocalError("Nothing is stored here yet. `make run` publishes a day.")
    with _start_store_alone(stack) as connection:
        yield DirectStore(connect(connection), stack.settings.layout)


@contextmanager
def _start_store_alone(stack: Stack) -> Iterator[Connection]:
    """Start the store on a free port, so that nothing takes it for a running stack."""
    (port,) = find_free_ports(1)
    internal_ports, declared = choose_ports(stack.state), stack.settings.store
    connection = replace(declared, extra=move_endpoint(declared.extra, port))
    process = start_store(stack.state, connection, port, internal_ports)
    try:
        wait_for_store(connection.extra["endpoint_url"], process)
        yield connection
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        remove_sockets(internal_ports, port)


def connect(connection: Connection) -> Client:
    """A client with the credentials and the endpoint of an Airflow connection."""
    import boto3
    from botocore.config import Config

    options: dict[str, Any] = connection.extra.get("config_kwargs", {})
    return Client(
        boto3.client(
            "s3",
            aws_access_key_id=connection.login,
            aws_secret_access_key=connection.password,
            endpoint_url=connection.extra.get("endpoint_url"),
            region_name=connection.extra.get("region_name"),
            config=Config(**options),
        )
    )
