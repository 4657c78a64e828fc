"""Commands for `compose.yaml`: create `.env`, start the API server, create connections, pools and buckets.

`env` needs only Python; the other two run in containers.
"""

import argparse
import json
import os
import secrets
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from include.errors import PipelineError
from include.local.state import ADMIN, PROJECT, State, make_secrets, write_private

if TYPE_CHECKING:
    from include.local.settings_file import LocalSettings

ENV_FILE = PROJECT / ".env"


def main(arguments: list[str] | None = None) -> int:
    """Run a command. Returns 0 on success, 1 with one line on stderr on failure."""
    commands = {"env": write_env, "api-server": become_api_server, "settings": create_settings}
    parser = argparse.ArgumentParser(prog="python -m include.local.compose", description=__doc__)
    parser.add_argument("command", choices=commands)
    try:
        commands[parser.parse_args(arguments).command]()
    except (PipelineError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def write_env(path: Path = ENV_FILE) -> None:
    """Add missing secrets to `.env`."""
    kept = path.read_text() if path.exists() else ""
    names = {line.partition("=")[0].strip() for line in kept.splitlines()}
    missing = {name: value for name, value in make_env().items() if name not in names}
    if kept and not kept.endswith("\n"):
        kept += "\n"
    write_private(path, kept + "".join(f"{name}={value}\n" for name, value in missing.items()))
    print(f"{path.name} has what compose.yaml needs; {len(missing)} secrets are new. The login is {ADMIN}.")


def make_env() -> dict[str, str]:
    """New secrets, named as in `compose.yaml`."""
    airflow = {name.upper(): value for name, value in asdict(make_secrets()).items()}
    store_password = airflow.pop("STORE_PASSWORD")
    store = {"STORE_ACCESS_KEY": secrets.token_hex(10), "STORE_SECRET_KEY": store_password}
    return airflow | store


def become_api_server() -> None:
    """Write the password file and replace this process with the API server."""
    path = Path(os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    write_private(path, json.dumps({ADMIN: os.environ["ADMIN_PASSWORD"]}))
    os.execvp("airflow", ["airflow", "api-server"])  # noqa: S606, S607 - what the image is for


def create_settings() -> None:
    """Create the missing connections, Variables, pools and buckets of `airflow_settings.yaml`."""
    from include.local.api import AirflowApi
    from include.local.settings_file import read_layout
    from include.local.storage import create_buckets, open_hook

    settings = read_container_settings()
    api = AirflowApi(os.environ["AIRFLOW_URL"], ADMIN, os.environ["ADMIN_PASSWORD"])
    api.create_missing(settings)
    with tempfile.TemporaryDirectory() as folder:
        hook = open_hook(settings.store, State(Path(folder)))
        create_buckets(hook, read_layout(api.read_variables()))
    print("Airflow has its connections, Variables and pools, and the store its buckets.")


def read_container_settings() -> "LocalSettings":
    """The settings of the file, with the address and keys of the store in `compose.yaml`."""
    from include.local.settings_file import read_settings

    settings = read_settings()
    store = replace(
        settings.store,
        login=os.environ["STORE_ACCESS_KEY"],
        password=os.environ["STORE_SECRET_KEY"],
        extra=settings.store.extra | {"endpoint_url": os.environ["STORE_URL"]},
    )
    others = tuple(each for each in settings.connections if each.conn_id != store.conn_id)
    return replace(settings, connections=(store, *others))


if __name__ == "__main__":
    sys.exit(main())
