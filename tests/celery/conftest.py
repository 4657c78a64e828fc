"""A stack with two Celery workers for all tests of a session, and the folder that PostgreSQL may enter."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from include.local.cluster import Cluster
from include.local.dag_run import wait_for_dag
from include.local.errors import StackError
from include.local.ports import find_free_ports
from include.local.servers import require_servers
from include.local.stack import Stack
from include.local.storage import create_buckets
from tests.integration.conftest import LAYOUT, Pipeline
from tests.stack_processes import read_running

#: What differs from `compose.yaml`: nobody waits for minutes here. The way is the same.
IMPATIENT = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "2",
    # Redis hands out again what a dead worker has taken, while the test still watches.
    "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "60",
}


def pytest_sessionstart(session: pytest.Session) -> None:
    try:
        require_servers()
    except StackError as error:
        pytest.exit(str(error), returncode=1)


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter: run by root, PostgreSQL runs as another one."""
    folder = Path(tempfile.mkdtemp(prefix="ecommerce-celery-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def pipeline(open_folder: Path) -> Iterator[Pipeline]:
    ui_port, s3_port = find_free_ports(2)
    with Stack(
        open_folder / "stack",
        ui_port=ui_port,
        s3_port=s3_port,
        workers=2,
        worker_slots=1,
        airflow_settings=IMPATIENT,
    ) as stack:
        create_buckets(stack.hook, LAYOUT)
        wait_for_dag(stack)
        yield Pipeline(stack)


def read_cluster(stack: Stack) -> Cluster:
    """The cluster of a running stack, as its supervisor was told."""
    command = psutil.Process(read_running(stack).pid).cmdline()
    return Cluster.read(command[command.index("--cluster") + 1])
