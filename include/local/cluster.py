"""CeleryExecutor on one machine: what it needs beyond the stack with LocalExecutor.

PostgreSQL keeps the metadata, Redis the queue, and each worker acts as a machine of its own: it has an
address of the loopback network, a folder for temporary files, and a server for the logs of its tasks, and it
shares no other folder with anybody. The settings that decide how a lost worker is made up for are those of
`compose.yaml`, so that what is tried out here holds there.
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
from include.local.servers import DATABASE, require_servers
from include.local.state import PROJECT, Secrets, State

COMPOSE_FILE = PROJECT / "compose.yaml"
#: Begins the names of the processes that the others can do without.
WORKER_PREFIX = "worker-"
_MOST_WORKERS = 100
_ADDRESS_VARIABLE = "ECOMMERCE_WORKER_ADDRESS"


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """How many workers there are, how many tasks each takes at once, and the ports of what they share."""

    workers: int
    slots: int
    database_port: int
    broker_port: int
    log_port: int

    @classmethod
    def read(cls, text: str) -> "Cluster":
        """A cluster from what `write` wrote."""
        return cls(**json.loads(text))

    def write(self) -> str:
        return json.dumps(asdict(self))

    @property
    def addresses(self) -> list[str]:
        """The address of each worker. The whole of 127.0.0.0/8 is this machine and nothing else."""
        return [f"127.0.0.{10 + number}" for number in range(1, self.workers + 1)]


def read_workers() -> int:
    """How many Celery workers EXECUTOR and WORKERS ask for; none means LocalExecutor.

    Raises
    ------
    LocalError: a setting that cannot be read.
    """
    executor, workers = os.environ.get("EXECUTOR") or "local", os.environ.get("WORKERS") or "2"
    if executor not in {"local", "celery"}:
        raise LocalError(f"EXECUTOR is {executor!r}. Give celery, or nothing for LocalExecutor.")
    if not (workers.isascii() and workers.isdigit() and 0 < int(workers) <= _MOST_WORKERS):
        raise LocalError(f"WORKERS is {workers!r}. Give a number from 1 to {_MOST_WORKERS}.")
    return int(workers) if executor == "celery" else 0


def plan_cluster(workers: int, slots: int) -> Cluster:
    """A cluster on free ports.

    Raises
    ------
    StackError: something that it needs is not installed.
    """
    require_servers()
    require_packages()
    database, broker, log = find_free_ports(3)
    return Cluster(workers=workers, slots=slots, database_port=database, broker_port=broker, log_port=log)


def require_packages() -> None:
    """Check that CeleryExecutor and the driver of PostgreSQL are installed.

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
    """The variables that turn the stack's Airflow into one with CeleryExecutor."""
    database = f"{DATABASE}:{secrets.database_password}@{LOOPBACK}:{cluster.database_port}/{DATABASE}"
    return read_compose_settings() | make_variables(
        core={
            "parallelism": cluster.workers * cluster.slots,
            "hostname_callable": f"{__name__}.read_address",
        },
        # One driver for both: Airflow's choice for the asynchronous side would be another one.
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
    """The settings of CeleryExecutor that `compose.yaml` has for every component."""
    settings: dict[str, str] = yaml.safe_load(COMPOSE_FILE.read_text())["x-celery"]
    return settings


def worker_commands(state: State, cluster: Cluster) -> dict[str, tuple[list[str], dict[str, str]]]:
    """The commands of the workers and of their log servers, each with the variables that only it has.

    Airflow's own log server listens on every address of the machine; this is the same one on one address.
    """
    commands = {}
    for number, address in enumerate(cluster.addresses, start=1):
        environment = worker_environment(state.worker(number), address)
        worker = ["airflow", "celery", "worker", "--skip-serve-logs", "--celery-hostname", address]
        commands[f"{WORKER_PREFIX}{number}"] = (worker, environment)
        application = ["uvicorn", "--factory", "airflow.utils.serve_logs.log_server:get_app"]
        door = ["--host", address, "--port", str(cluster.log_port)]
        commands[f"logs-of-worker-{number}"] = ([*application, *door], environment)
    return commands


def worker_environment(folder: Path, address: str) -> dict[str, str]:
    """What one worker does not share; its folders are made where they are missing."""
    temporary, logs = folder / "tmp", folder / "logs"
    for each in (temporary, logs):
        each.mkdir(mode=0o700, parents=True, exist_ok=True)
    own: dict[str, Any] = {"TMPDIR": str(temporary), _ADDRESS_VARIABLE: address}
    return own | make_variables(logging={"base_log_folder": logs})


def read_address() -> str:
    """The name under which Airflow's database knows the machine of this process."""
    return os.environ.get(_ADDRESS_VARIABLE, LOOPBACK)
