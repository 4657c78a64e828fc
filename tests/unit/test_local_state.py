"""The state folder, the environment of the processes, and the store's command."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from include.local.environment import airflow_environment, clean_environment
from include.local.errors import StackError
from include.local.ports import find_free_ports, is_free_port
from include.local.processes import find_reason
from include.local.state import (
    REASON_PREFIX,
    State,
    read_record,
    read_secrets,
    write_record,
)
from include.local.store import choose_ports, find_sockets, make_command, wait_for_store
from include.local.supervisor import airflow_components, describe_exit
from tests.records import RECORD


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path / "state")
    state.create()
    return state


def test_only_the_owner_can_read_what_is_secret(state: State) -> None:
    read_secrets(state)

    for path in (state.airflow_home / "secrets.json", state.passwords):
        assert path.stat().st_mode & 0o777 == 0o600
    assert state.airflow_home.stat().st_mode & 0o777 == 0o700


def test_secrets_are_made_once_and_differ_between_machines(state: State, tmp_path: Path) -> None:
    other = State(tmp_path / "other")
    other.create()

    assert read_secrets(state) == read_secrets(state)
    assert read_secrets(state) != read_secrets(other)
    assert json.loads(state.passwords.read_text()) == {"admin": read_secrets(state).admin_password}


def test_a_record_is_read_as_it_was_written(state: State) -> None:
    write_record(state, RECORD)

    assert read_record(state) == RECORD
    assert [path.name for path in state.root.glob("stack*")] == ["stack.json"]


def test_second_start_at_the_same_moment_fails(state: State) -> None:
    write_record(state, RECORD)

    with pytest.raises(FileExistsError):
        write_record(state, replace(RECORD, pid=18))
    assert read_record(state) == RECORD


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_truncated_record_is_ignored(state: State, text: str) -> None:
    state.record.write_text(text)

    assert read_record(state) is None


def test_each_start_begins_with_empty_logs_and_keeps_the_last(state: State) -> None:
    for number in range(3):
        (state.logs / "store.log").write_text(f"start {number}")
        state.keep_logs()

    assert list(state.logs.iterdir()) == []
    assert (state.root / "logs.last" / "store.log").read_text() == "start 2"


def test_reason_is_the_last_message_of_the_supervisor(state: State) -> None:
    assert find_reason(state) == ""
    (state.logs / "supervisor.log").write_text(f"noise\n{REASON_PREFIX}the store died\nmore noise\n")

    assert find_reason(state) == "the store died"


def test_environment_of_the_user_does_not_reach_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW_CONN_ECOMMERCE_S3", "aws://")
    monkeypatch.setenv("KEPT", "yes")
    environment = clean_environment()

    assert not [name for name in environment if name.startswith(("AWS_", "AIRFLOW"))]
    assert environment["KEPT"] == "yes"


def test_loopback_bypasses_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "example.com")
    monkeypatch.delenv("no_proxy", raising=False)

    assert clean_environment()["no_proxy"] == "127.0.0.1,localhost,example.com"


def test_airflow_listens_only_on_the_loopback_address(state: State) -> None:
    environment = airflow_environment(
        state, read_secrets(state), ui_port=8080, task_port=20_001, dags_dir=state.root, is_scheduled=True
    )
    commands = airflow_components(RECORD)

    assert environment["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:8080"
    assert environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:20001/execution/"
    servers = [command for command in commands.values() if "api-server" in command]
    assert [command[command.index("--host") + 1] for command in servers] == ["127.0.0.1", "127.0.0.1"]
    assert "--skip-serve-logs" in commands["scheduler"]
    assert "--skip-serve-logs" in commands["triggerer"]


def test_schedule_is_on_only_if_requested(state: State) -> None:
    switches = [
        airflow_environment(
            state, read_secrets(state), ui_port=1, task_port=2, dags_dir=state.root, is_scheduled=is_scheduled
        )["AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE"]
        for is_scheduled in (True, False)
    ]

    assert switches == ["True", "False"]


def test_the_store_keeps_its_inner_ports_while_they_are_free(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = choose_ports(state)
    assert choose_ports(state) == first

    taken = first["filer.port"]
    monkeypatch.setattr("include.local.store.is_free_port", lambda port: port != taken and is_free_port(port))
    second = choose_ports(state)

    assert taken not in second.values()
    assert second.keys() == first.keys()


def test_store_uses_only_the_chosen_ports(state: State) -> None:
    ports = choose_ports(state)
    command = make_command(state, 8333, ports)

    assert {"-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3.port=8333"} <= set(command)
    assert {f"-{name}={port}" for name, port in ports.items()} <= set(command)


def test_store_that_exits_early_is_reported() -> None:
    (port,) = find_free_ports(1)
    with subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"]) as process:
        process.wait()

        with pytest.raises(StackError, match="ended with exit code 3"):
            wait_for_store(f"http://127.0.0.1:{port}", process)


def test_only_sockets_of_our_ports_are_found(tmp_path: Path) -> None:
    for name in ("filer-20002", "s3-grpc-8333", "filer-200021"):
        (tmp_path / f"seaweedfs-{name}.sock").touch()

    found = find_sockets(tmp_path, {8333, 20_002})

    assert sorted(path.name for path in found) == [
        "seaweedfs-filer-20002.sock",
        "seaweedfs-s3-grpc-8333.sock",
    ]


@pytest.mark.parametrize(
    ("status", "words"), [(0, "exit code 0"), (256, "exit code 1"), (9, "signal SIGKILL")]
)
def test_exit_status_is_described(status: int, words: str) -> None:
    assert describe_exit(status) == words
