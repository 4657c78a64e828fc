"""What the local stack reads from `airflow_settings.yaml`."""

import json
import os
from pathlib import Path

import boto3
import pytest
import yaml

from include.keys import Layout
from include.local.errors import LocalError
from include.local.settings_file import (
    SETTINGS_FILE,
    Connection,
    LocalSettings,
    make_aws_config,
    move_endpoint,
    read_layout,
    read_settings,
)

STORE = {
    "conn_id": "ecommerce_s3",
    "conn_type": "aws",
    "conn_login": "somebody",
    "conn_password": "secret",
    "conn_extra": {"endpoint_url": "http://127.0.0.1:8333"},
}


def write_file(folder: Path, **airflow: object) -> Path:
    path = folder / "airflow_settings.yaml"
    path.write_text(
        yaml.safe_dump({"airflow": {"connections": [STORE], "variables": [], "pools": []} | airflow})
    )
    return path


def test_everything_of_the_file_is_read(tmp_path: Path) -> None:
    path = write_file(
        tmp_path,
        variables=[
            {
                "variable_name": "ecommerce_max_reject_ratio",
                "variable_value": 0.05,
                "variable_description": "The limit.",
            }
        ],
        pools=[{"pool_name": "narrow", "pool_slot": "2", "pool_description": "Two at a time."}],
    )

    assert read_settings(path) == LocalSettings(
        connections=(
            Connection(
                conn_id="ecommerce_s3",
                conn_type="aws",
                login="somebody",
                password="secret",
                extra={"endpoint_url": "http://127.0.0.1:8333"},
            ),
        ),
        variables=({"key": "ecommerce_max_reject_ratio", "value": "0.05", "description": "The limit."},),
        pools=({"name": "narrow", "slots": 2, "description": "Two at a time."},),
    )


@pytest.mark.parametrize(("declared", "used"), [("generated", "of this checkout"), ("my own", "my own")])
def test_placeholder_password_is_generated(tmp_path: Path, declared: str, used: str) -> None:
    path = write_file(tmp_path, connections=[STORE | {"conn_password": declared}])

    assert read_settings(path, store_password="of this checkout").store.password == used


def test_committed_settings_hold_no_password() -> None:
    assert read_settings().store.password == "generated"


def test_aws_config_opens_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "aws_config"
    path.write_text(make_aws_config(read_settings(s3_port=9000, store_password="of this checkout").store))
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(path))

    client = boto3.session.Session().client("s3")

    assert client.meta.endpoint_url == "http://127.0.0.1:9000"
    assert client._request_signer._credentials.secret_key == "of this checkout"
    assert client.meta.config.s3 == {"addressing_style": "path"}


def test_an_extra_may_be_written_as_json_too(tmp_path: Path) -> None:
    path = write_file(tmp_path, connections=[STORE | {"conn_extra": json.dumps(STORE["conn_extra"])}])

    assert read_settings(path).store.extra == STORE["conn_extra"]


def test_an_empty_list_may_be_left_empty(tmp_path: Path) -> None:
    assert read_settings(write_file(tmp_path, pools=None, variables=None)).pools == ()


def test_another_s3_port_moves_the_endpoint_and_nothing_else(tmp_path: Path) -> None:
    other = STORE | {"conn_id": "other", "conn_extra": {"endpoint_url": "http://127.0.0.1:8333"}}
    path = write_file(tmp_path, connections=[STORE, other])

    moved = {one.conn_id: one.extra["endpoint_url"] for one in read_settings(path, s3_port=9000).connections}

    assert moved == {"ecommerce_s3": "http://127.0.0.1:9000", "other": "http://127.0.0.1:8333"}


@pytest.mark.parametrize(
    ("extra", "moved"),
    [
        pytest.param(
            {"endpoint_url": "http://localhost:8333", "region_name": "us-east-1"},
            {"endpoint_url": "http://localhost:9000", "region_name": "us-east-1"},
            id="this machine",
        ),
        pytest.param(
            {"endpoint_url": "https://s3.example.com"},
            {"endpoint_url": "https://s3.example.com"},
            id="somewhere else",
        ),
        pytest.param({"region_name": "us-east-1"}, {"region_name": "us-east-1"}, id="AWS itself"),
    ],
)
def test_only_an_endpoint_on_this_machine_moves(extra: dict[str, str], moved: dict[str, str]) -> None:
    assert move_endpoint(extra, 9000) == moved


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("airflow: [", "cannot be read", id="no YAML"),
        pytest.param("", "cannot be read", id="empty"),
        pytest.param("airflow: {connections: [], variables: []}", "'pools'", id="a list is missing"),
        pytest.param(
            "airflow: {connections: [{conn_type: aws}], variables: [], pools: []}",
            "'conn_id'",
            id="a connection without a name",
        ),
        pytest.param(
            "airflow: {connections: [], variables: [], pools: [{pool_name: a, pool_slot: many}]}",
            "many",
            id="no number",
        ),
        pytest.param(
            "airflow: {connections: [], variables: [], pools: []}",
            "no connection 'ecommerce_s3'",
            id="no store",
        ),
        pytest.param(
            "airflow: {connections: [{conn_id: ecommerce_s3, conn_type: aws}], variables: [], pools: []}",
            "with a login and a password",
            id="a store without credentials",
        ),
    ],
)
def test_invalid_settings_file_is_named_with_its_error(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "airflow_settings.yaml"
    path.write_text(content)

    with pytest.raises(LocalError, match=f"airflow_settings.yaml.*{message}"):
        read_settings(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=r"airflow_settings\.yaml is missing"):
        read_settings(tmp_path / "airflow_settings.yaml")


def test_variables_override_the_layout_one_by_one() -> None:
    variables = {"ecommerce_raw_bucket": "deliveries", "ecommerce_max_reject_ratio": "0.1", "other": "x"}

    assert read_layout(variables) == Layout(raw_bucket="deliveries")


def test_invalid_layout_is_rejected() -> None:
    with pytest.raises(
        LocalError, match=r"ecommerce_raw_key_template is 'latest/\{dataset\}\.csv'; give a key"
    ):
        read_layout({"ecommerce_raw_key_template": "latest/{dataset}.csv"})


def test_airflow_reads_the_connection_from_the_environment() -> None:
    from airflow.sdk import Connection as AirflowConnection

    store = read_settings(SETTINGS_FILE).store
    read = AirflowConnection.from_json(store.as_json(), conn_id=store.conn_id)

    assert (read.conn_type, read.login, read.password) == ("aws", store.login, store.password)
    assert read.extra_dejson == store.extra
