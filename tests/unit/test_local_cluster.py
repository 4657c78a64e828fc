"""CeleryExecutor on one machine: what it is asked for, what it needs, and what its workers do not share."""

from dataclasses import replace
from pathlib import Path

import pytest

from include.local import cluster as module
from include.local import servers
from include.local.cluster import Cluster, cluster_environment, read_workers, worker_commands
from include.local.errors import LocalError, StackError
from include.local.session import StepLogger, use_stack
from include.local.stack import Stack
from include.local.state import State, read_secrets
from tests.records import RECORD

CLUSTER = Cluster(workers=2, slots=3, database_port=20_001, broker_port=20_002, log_port=20_003)


@pytest.mark.parametrize(
    ("executor", "workers", "expected"),
    [("", "", 0), ("local", "3", 0), ("celery", "", 2), ("celery", "3", 3)],
)
def test_workers_start_if_requested(
    monkeypatch: pytest.MonkeyPatch, executor: str, workers: str, expected: int
) -> None:
    monkeypatch.setenv("EXECUTOR", executor)
    monkeypatch.setenv("WORKERS", workers)

    assert read_workers() == expected


@pytest.mark.parametrize("running", [0, 3])
def test_running_stack_with_other_workers_is_not_reused(
    monkeypatch: pytest.MonkeyPatch, running: int
) -> None:
    monkeypatch.setenv("EXECUTOR", "celery")
    monkeypatch.setattr(Stack, "find_running", lambda _: replace(RECORD, workers=running))

    with pytest.raises(LocalError, match="`make down` stops it"), use_stack(StepLogger(), is_owned=False):
        pass


@pytest.mark.parametrize(
    ("executor", "workers", "message"),
    [
        ("Celery", "2", "EXECUTOR is 'Celery'. Use celery, or leave it empty for LocalExecutor."),
        ("celery", "0", "WORKERS is '0'. Use a number from 1 to 100."),
        ("celery", "two", "WORKERS is 'two'. Use a number from 1 to 100."),
    ],
)
def test_invalid_executor_or_worker_count_is_named(
    monkeypatch: pytest.MonkeyPatch, executor: str, workers: str, message: str
) -> None:
    monkeypatch.setenv("EXECUTOR", executor)
    monkeypatch.setenv("WORKERS", workers)

    with pytest.raises(LocalError) as caught:
        read_workers()
    assert str(caught.value) == message


def test_missing_servers_are_named_with_the_command_that_installs_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(servers, "_POSTGRES_ROOT", tmp_path)

    with pytest.raises(
        StackError, match=r"needs PostgreSQL and Redis .*apt-get install postgresql redis-server"
    ):
        module.plan_cluster(State(tmp_path), 2, 2)


def test_newest_postgresql_is_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(servers, "_POSTGRES_ROOT", tmp_path)
    for version in ("9.6", "15", "17"):
        programs = tmp_path / version / "bin"
        programs.mkdir(parents=True)
        (programs / "initdb").touch()

    assert servers.find_postgres() == tmp_path / "17" / "bin"


def test_root_learns_which_folder_postgresql_cannot_enter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)

    monkeypatch.setattr("os.geteuid", lambda: 0)

    with pytest.raises(StackError, match=r"its user postgres cannot enter .*closed"):
        servers.require_entry(State(closed / "state"))


def test_a_cluster_is_read_as_it_was_written() -> None:
    assert Cluster.read(CLUSTER.write()) == CLUSTER


def test_all_components_agree_on_database_and_broker(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    state.create()
    secrets = read_secrets(state)
    environment = cluster_environment(CLUSTER, secrets)

    assert environment["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
    assert environment["AIRFLOW__CORE__PARALLELISM"] == "6"
    database = f"postgresql+psycopg://airflow:{secrets.database_password}@127.0.0.1:20001/airflow"
    assert environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == database
    assert environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC"] == database
    assert (
        environment["AIRFLOW__CELERY__BROKER_URL"] == f"redis://:{secrets.broker_password}@127.0.0.1:20002/0"
    )


def test_workers_share_no_folder_and_no_address(tmp_path: Path) -> None:
    commands = worker_commands(State(tmp_path), CLUSTER)
    own = [commands[f"worker-{number}"][1] for number in (1, 2)]

    assert set(commands) == {"worker-1", "worker-2", "logs-of-worker-1", "logs-of-worker-2"}
    assert (
        own[0].keys()
        == own[1].keys()
        == {
            "TMPDIR",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER",
            "ECOMMERCE_WORKER_ADDRESS",
        }
    )
    assert not set(own[0].values()) & set(own[1].values())
    assert commands["logs-of-worker-2"][0][-4:] == ["--host", "127.0.0.12", "--port", "20003"]
