"""PostgreSQL and Redis for Celery workers, as ordinary processes on the loopback address."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from include.local.environment import clean_environment
from include.local.errors import StackError
from include.local.ports import LOOPBACK
from include.local.state import State

#: Name of the database and of its only user.
DATABASE = "airflow"
#: PostgreSQL does not run as root; Debian's package creates this user.
_DATABASE_USER = "postgres"
#: Debian installs PostgreSQL's server programs here, not on the path.
_POSTGRES_ROOT = Path("/usr/lib/postgresql")
_START_SECONDS = 60
_POLL_SECONDS = 0.1

Server = subprocess.Popen[bytes]


def require_servers() -> None:
    """Check that both servers are installed.

    Raises
    ------
    StackError: names what is missing and how to install it.
    """
    wanted = {"PostgreSQL": find_postgres(), "Redis": shutil.which("redis-server")}
    missing = [name for name, path in wanted.items() if not path]
    if missing:
        raise StackError(
            f"CeleryExecutor needs {' and '.join(missing)} on this machine. "
            "On Debian and Ubuntu: apt-get install postgresql redis-server."
        )


def find_postgres() -> Path | None:
    """The folder of PostgreSQL's server programs, of the newest version."""
    folders = [path.parent for path in _POSTGRES_ROOT.glob("*/bin/initdb")]
    if folders:
        return max(folders, key=lambda folder: float(folder.parent.name))
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def require_entry(state: State) -> None:
    """Check that PostgreSQL's user can enter its folder.

    Raises
    ------
    StackError: names the folder that it cannot enter.
    """
    for parent in state.root.parents if _is_root() else ():
        if parent.exists() and not parent.stat().st_mode & 0o001:
            raise StackError(
                f"PostgreSQL does not run as root, and its user {_DATABASE_USER} cannot enter {parent}. "
                "Run this as an ordinary user, or in a folder that other users can enter."
            )


def start_database(state: State, password: str, port: int) -> Server:
    """Start PostgreSQL and wait until it responds. The first start creates the database cluster.

    Raises
    ------
    StackError: it cannot be started.
    """
    programs = find_postgres() or Path()
    if _is_root():
        # Its user must reach its own folder; the other folders in here remain private.
        state.root.chmod(0o711)
    if not state.database.exists():
        _create_cluster(state, programs, password)
    options = {"listen_addresses": LOOPBACK, "port": port, "unix_socket_directories": ""}
    settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    with (state.logs / "database.log").open("wb") as log:
        server = subprocess.Popen(  # noqa: S603 - the command is ours
            [programs / "postgres", "-D", state.database, *settings],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            **_as_database_user(state.database),
        )
    _wait_for_database(state, programs, port, server)
    return server


def start_broker(state: State, password: str, port: int) -> Server:
    """Start Redis with a persistent queue.

    It reads its settings from standard input, so that the password is not in the process list.
    """
    state.broker.mkdir(mode=0o700, exist_ok=True)
    options = {
        "bind": LOOPBACK,
        "port": port,
        "requirepass": password,
        "dir": f'"{state.broker}"',
        "appendonly": "yes",
        "save": '""',
    }
    with tempfile.TemporaryFile() as settings, (state.logs / "broker.log").open("wb") as log:
        settings.write("".join(f"{name} {value}\n" for name, value in options.items()).encode())
        settings.seek(0)
        return subprocess.Popen(  # noqa: S603 - the command is ours
            [shutil.which("redis-server") or "redis-server", "-"],
            cwd=state.broker,
            env=clean_environment(),
            stdin=settings,
            stdout=log,
            stderr=log,
        )


def _create_cluster(state: State, programs: Path, password: str) -> None:
    """Create a cluster with one user and one database; replaces the one of an interrupted start."""
    new = state.database.with_name("database.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    if _is_root():
        shutil.chown(new, _DATABASE_USER, _DATABASE_USER)
    # Connections need the password, and there is no Unix socket.
    rules = ["--auth-local=reject", "--auth-host=scram-sha-256"]
    _run(new, [programs / "initdb", "-D", ".", "-U", DATABASE, "-E", "UTF8", "--locale=C.UTF-8", *rules])
    # Single-user mode needs no running server.
    statements = f"ALTER ROLE {DATABASE} PASSWORD '{password}'\nCREATE DATABASE {DATABASE}\n"
    _run(new, [programs / "postgres", "--single", "-D", ".", "postgres"], statements)
    new.rename(state.database)


def _run(folder: Path, command: list[str | Path], text: str = "") -> None:
    done = subprocess.run(  # noqa: S603 - the command is ours
        command, input=text, capture_output=True, text=True, check=False, **_as_database_user(folder)
    )
    if done.returncode:
        raise StackError(f"PostgreSQL could not create its database: {(done.stderr or done.stdout).strip()}")


def _wait_for_database(state: State, programs: Path, port: int, server: Server) -> None:
    end = time.monotonic() + _START_SECONDS
    command = [str(programs / "pg_isready"), "--quiet", f"--host={LOOPBACK}", f"--port={port}"]
    while subprocess.run(command, check=False).returncode:  # noqa: S603 - the command is ours
        if server.poll() is not None or time.monotonic() > end:
            raise StackError(f"PostgreSQL did not start. Its log: {state.logs / 'database.log'}")
        time.sleep(_POLL_SECONDS)


def _as_database_user(folder: Path) -> dict[str, Any]:
    """Process options for PostgreSQL's programs: their own folder, and not root."""
    place = {"cwd": folder, "env": clean_environment()}
    user = {"user": _DATABASE_USER, "group": _DATABASE_USER, "extra_groups": []} if _is_root() else {}
    return place | user


def _is_root() -> bool:
    return os.geteuid() == 0
