"""`airflow_settings.yaml`: the connections, Variables and pools of the local stack, in Astro's format."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from include.config import CONNECTION_ID, LAYOUT_NAMES, VARIABLE_PREFIX, parse_settings
from include.errors import SettingError
from include.keys import Layout
from include.local.errors import LocalError
from include.local.ports import LOOPBACK
from include.local.state import PROJECT

SETTINGS_FILE = PROJECT / "airflow_settings.yaml"
#: A placeholder in the file; each checkout generates its own password.
GENERATED_PASSWORD = "generated"  # noqa: S105 - a placeholder, not a password


@dataclass(frozen=True, kw_only=True)
class Connection:
    """An Airflow connection."""

    conn_id: str
    conn_type: str
    login: str
    password: str
    extra: dict[str, Any]

    def as_json(self) -> str:
        """The connection as the value of an environment variable `AIRFLOW_CONN_…`."""
        fields = {"conn_type": self.conn_type, "login": self.login, "password": self.password}
        return json.dumps(fields | {"extra": self.extra})


@dataclass(frozen=True, kw_only=True)
class LocalSettings:
    """The content of the file; Variables and pools have the field names of Airflow's API."""

    connections: tuple[Connection, ...]
    variables: tuple[dict[str, Any], ...]
    pools: tuple[dict[str, Any], ...]

    @property
    def layout(self) -> Layout:
        """The layout that the file's Variables describe."""
        return read_layout({variable["key"]: variable["value"] for variable in self.variables})

    @property
    def store(self) -> Connection:
        """The connection that all S3 traffic goes through."""
        return next(connection for connection in self.connections if connection.conn_id == CONNECTION_ID)


def read_settings(
    path: Path = SETTINGS_FILE, *, s3_port: int | None = None, store_password: str | None = None
) -> LocalSettings:
    """Read the file; `s3_port` replaces the port of the store's endpoint, `store_password` the placeholder.

    Raises
    ------
    LocalError: the file is missing, invalid or incomplete.
    """
    try:
        airflow = yaml.safe_load(path.read_text())["airflow"]
        settings = LocalSettings(
            connections=tuple(_read_connection(entry) for entry in airflow["connections"] or ()),
            variables=tuple(_read_variable(entry) for entry in airflow["variables"] or ()),
            pools=tuple(_read_pool(entry) for entry in airflow["pools"] or ()),
        )
    except FileNotFoundError as error:
        raise LocalError(f"{path.name} is missing in {path.parent}; restore it.") from error
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise LocalError(f"{path.name} cannot be read: {error!r}. Correct it.") from error
    return _for_this_checkout(_require_store(settings, path), s3_port, store_password)


def read_layout(variables: dict[str, str]) -> Layout:
    """The layout that the Variables describe, without Airflow.

    Raises
    ------
    LocalError: a Variable has an invalid value.
    """
    texts = {name: variables.get(VARIABLE_PREFIX + name) for name in LAYOUT_NAMES}
    try:
        return parse_settings({name: text for name, text in texts.items() if text is not None}).layout
    except SettingError as error:
        raise LocalError(str(error)) from error


def make_aws_config(store: Connection) -> str:
    """The local store as the default profile of boto3 and the AWS CLI."""
    return "\n".join(
        [
            "[default]",
            f"aws_access_key_id = {store.login}",
            f"aws_secret_access_key = {store.password}",
            f"region = {store.extra.get('region_name', 'us-east-1')}",
            f"endpoint_url = {store.extra['endpoint_url']}",
            "s3 =",
            "    addressing_style = path",
            "",
        ]
    )


def move_endpoint(extra: dict[str, Any], s3_port: int) -> dict[str, Any]:
    """The extra with another endpoint port, if the endpoint is on this machine."""
    if not is_on_this_machine(extra):
        return extra
    endpoint = urlsplit(extra["endpoint_url"])
    moved = endpoint._replace(netloc=f"{endpoint.hostname}:{s3_port}")
    return extra | {"endpoint_url": moved.geturl()}


def is_on_this_machine(extra: dict[str, Any]) -> bool:
    """Whether the endpoint of a connection is on the loopback address."""
    return urlsplit(extra.get("endpoint_url", "")).hostname in {LOOPBACK, "localhost"}


def _read_connection(entry: dict[str, Any]) -> Connection:
    extra = entry.get("conn_extra") or {}
    return Connection(
        conn_id=entry["conn_id"],
        conn_type=entry["conn_type"],
        login=entry.get("conn_login") or "",
        password=entry.get("conn_password") or "",
        extra=json.loads(extra) if isinstance(extra, str) else extra,
    )


def _read_variable(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "key": entry["variable_name"],
        "value": str(entry["variable_value"]),
        "description": entry.get("variable_description") or "",
    }


def _read_pool(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": entry["pool_name"],
        "slots": int(entry["pool_slot"]),
        "description": entry.get("pool_description") or "",
    }


def _require_store(settings: LocalSettings, path: Path) -> LocalSettings:
    for connection in settings.connections:
        if connection.conn_id == CONNECTION_ID and connection.login and connection.password:
            return settings
    raise LocalError(f"{path.name} declares no connection {CONNECTION_ID!r} with a login and a password.")


def _for_this_checkout(
    settings: LocalSettings, s3_port: int | None, store_password: str | None
) -> LocalSettings:
    store = settings.store
    if s3_port is not None:
        store = replace(store, extra=move_endpoint(store.extra, s3_port))
    if store_password and store.password == GENERATED_PASSWORD:
        store = replace(store, password=store_password)
    others = tuple(connection for connection in settings.connections if connection.conn_id != CONNECTION_ID)
    return replace(settings, connections=(store, *others))
