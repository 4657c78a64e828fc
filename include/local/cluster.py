"""CeleryExecutor on one machine: the additions to the stack with LocalExecutor.

PostgreSQL holds the metadata and Redis the queue. Each worker behaves like a separate machine, with its own
loopback address, temporary folder and log server. The settings for lost workers are those of `compose.yaml`.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from include.local.environment import make_variables
from include.local.errors import LocalError, StackError
from include.local.ports import LOOPBACK, find_free_ports
from include.local.servers import DATABASE, require_entry, require_servers
from include.local.state import PROJECT, Secrets, State

COMPOSE_FILE = PROJECT / "compose.yaml"
#: Prefix of processes that may end without ending the stack.
WORKER_PREFIX = "worker-"
_MOST_WORKERS = 100
_ADDRESS_VARIABLE = "ECOMMERCE_WORKER_ADDRESS"


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Number of workers, tasks per worker, and the ports of the servers they share."""

    workers: int
    slots: int
    database_port: int
    broker_port: int
    log_port: int

    @classmethod
    def read(cls, text: str) -> "Cluster":
        """Parse the output of `write`."""
        return cls(**json.loads(text))

    def write(self) -> str:
        return json.dumps(asdict(self))

    @property
    def addresses(self) -> list[str]:
        """The loopback address of each worker: all of 127.0.0.0/8 is this machine."""
        return [f"127.0.0.{10 + number}" for number in range(1, self.workers + 1)]


def read_workers() -> int:
    """The number of Celery workers that EXECUTOR and WORKERS set; 0 means LocalExecutor.

    Raises
    ------
    LocalError: a setting is invalid.
    """
    executor, workers = os.environ.get("EXECUTOR") or "local", os.environ.get("WORKERS") or "2"
    if executor not in {"local", "celery"}:
        raise LocalError(f"EXECUTOR is {executor!r}. Use celery, or leave it empty for LocalExecutor.")
    if not (workers.isascii() and workers.isdigit() and 0 < int(workers) <= _MOST_WORKERS):
        raise LocalError(f"WORKERS is {workers!r}. Use a number from 1 to {_MOST_WORKERS}.")
    return int(workers) if executor == "celery" else 0


def plan_cluster(state: State, workers: int, slots: int) -> Cluster:
    """A cluster on free ports, with its database in the state folder.

    Raises
    ------
    StackError: a server, a package or a permission is missing.
    """
    require_servers()
    require_packages()
    require_entry(state)
    database, broker, log = find_free_ports(3)
    return Cluster(workers=workers, slots=slots, database_port=database, broker_port=broker, log_port=log)


def require_packages() -> None:
    """Check that Celery and the PostgreSQL driver are installed.

    Raises
    ------
    StackError: says how to install them.
    """
    from importlib.util import find_spec

    if not (find_spec("celery") and find_spec("psycopg")):
        raise StackError(
            "CeleryExecutor needs the packages of requirements-celery.txt; `make test` installs them."
        )


def cluster_environment(cluster: Cluster, secrets: Secrets) -> dict[str, str]:
    """Environment variables that switch Airflow to CeleryExecutor."""
    database = f"{DATABASE}:{secrets.database_password}@{LOOPBACK}:{cluster.database_port}/{DATABASE}"
    return read_compose_settings() | make_variables(
        core={
            "parallelism": cluster.workers * cluster.slots,
            "hostname_callable": f"{__name__}.read_address",
        },
        # Airflow would choose another driver for asynchronous access.
        database={
            "sql_alchemy_conn": f"postgresql+psycopg://{database}",
            "sql_alchemy_conn_async": f"postgresql+psycopg://{database}",
        },
        celery={
            "broker_url": f"redis://:{secrets.broker_password}@{LOOPBACK}:{cluster.broker_port}/0",
            "worker_concurrency": cluster.slots,
        },
        logging={"worker_log_server_port": cluster.log_port},
    )


def read_compose_settings() -> dict[str, str]:
    """The settings of CeleryExecutor in `compose.yaml`."""
    settings: dict[str, str] = yaml.safe_load(COMPOSE_FILE.read_text())["x-celery"]
    return settings


def worker_commands(state: State, cluster: Cluster) -> dict[str, tuple[list[str], dict[str, str]]]:
    """The commands of workers and log servers, each with its environment.

    Airflow's log server listens on every address of the machine; uvicorn serves the same app on one address.
    """
    commands = {}
    for number, address in enumerate(cluster.addresses, start=1):
        environment = worker_environment(state.worker(number), address)
        worker = ["airflow", "celery", "worker", "--skip-serve-logs", "--celery-hostname", address]
        commands[f"{WORKER_PREFIX}{number}"] = (worker, environment)
        application = ["uvicorn", "--factory", "airflow.utils.serve_logs.log_server:get_app"]
        address_options = ["--host", address, "--port", str(cluster.log_port)]
        commands[f"logs-of-worker-{number}"] = ([*application, *address_options], environment)
    return commands


def worker_environment(folder: Path, address: str) -> dict[str, str]:
    """Environment of one worker. Creates its folders."""
    temporary, logs = folder / "tmp", folder / "logs"
    for each in (temporary, logs):
        each.mkdir(mode=0o700, parents=True, exist_ok=True)
    own: dict[str, Any] = {"TMPDIR": str(temporary), _ADDRESS_VARIABLE: address}
    return own | make_variables(logging={"base_log_folder": logs})


def read_address() -> str:
    """The host name of this process for Airflow (`[core] hostname_callable`)."""
    return os.environ.get(_ADDRESS_VARIABLE, LOOPBACK)
