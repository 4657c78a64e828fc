"""S3 access for the commands: hook, client, buckets and raw files."""

import fnmatch
import gzip
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from include import keys
from include.config import CONNECTION_ID
from include.contract import DELIVERED, Dataset
from include.keys import Layout
from include.local.environment import clean_environment
from include.local.errors import LocalError, StackError
from include.local.settings_file import Connection
from include.local.state import State
from include.s3.objects import Client, Hook, upload_file

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook


def open_hook(connection: Connection, state: State) -> "S3Hook":
    """A hook for the connection, outside any Airflow process."""
    with _environment(connection, state):
        from airflow.providers.amazon.aws.hooks.s3 import S3Hook

        hook = S3Hook(aws_conn_id=connection.conn_id)
        # The hook caches the connection, so the environment can be restored.
        hook.get_conn()
    return hook


def connect(connection: Connection) -> Client:
    """Like `open_hook`, through boto3 alone, for commands that do not wait for Airflow's imports."""
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "s3",
        aws_access_key_id=connection.login,
        aws_secret_access_key=connection.password,
        endpoint_url=connection.extra.get("endpoint_url"),
        region_name=connection.extra.get("region_name"),
        config=Config(**connection.extra.get("config_kwargs", {})),
    )
    return Client(client)


@contextmanager
def _environment(connection: Connection, state: State) -> Iterator[None]:
    kept = dict(os.environ)
    os.environ.clear()
    os.environ.update(clean_environment())
    os.environ["AIRFLOW_HOME"] = str(state.airflow_home)
    os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "ERROR"
    os.environ[f"AIRFLOW_CONN_{CONNECTION_ID.upper()}"] = connection.as_json()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


@contextmanager
def translate_s3_errors() -> Iterator[None]:
    """Turn errors of the S3 client into a message for the user."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise StackError(
            f"A request to the store failed: {str(error).rstrip('.')}. "
            "If its credentials in airflow_settings.yaml were changed, run `make down` and start again."
        ) from error


def create_buckets(hook: "S3Hook", layout: Layout) -> None:
    """Create missing buckets, and turn on versioning for raw and curated."""
    for bucket in dict.fromkeys((layout.raw_bucket, layout.curated_bucket, layout.quality_bucket)):
        if not hook.check_for_bucket(bucket):
            hook.create_bucket(bucket_name=bucket)
    for bucket in dict.fromkeys((layout.raw_bucket, layout.curated_bucket)):
        hook.get_conn().put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


def find_raw_files(folder: Path, layout: Layout) -> dict[str, Path]:
    """The raw files of a folder, named as the contract says, compressed or not.

    Raises
    ------
    LocalError: names every file that is missing or not the only one.
    """
    suffixes = (".gz", "") if _is_compressed(layout) else ("", ".gz")
    wanted = {name: f"{dataset.file_pattern}{suffixes[0]}" for name, dataset in DELIVERED.items()}
    if not folder.is_dir():
        raise LocalError(f"{folder} is not a folder. RAW must be a folder with {', '.join(wanted.values())}.")
    found = {name: _find_files(folder, dataset, suffixes) for name, dataset in DELIVERED.items()}
    if missing := [wanted[name] for name, paths in found.items() if not paths]:
        raise LocalError(
            f"{folder} has no {', '.join(missing)}. It must have {', '.join(wanted.values())}. For files "
            f"with other names or columns, `make inspect RAW={folder}` shows the contract that they need."
        )
    for name, paths in found.items():
        if len(paths) > 1:
            names = ", ".join(path.name for path in paths)
            raise LocalError(f"{folder} has several files for {name}: {names}. Leave one of them there.")
    return {name: paths[0] for name, paths in found.items()}


def upload_raw_files(hook: Hook, layout: Layout, day: str, files: dict[str, Path]) -> None:
    """Deliver the files as a producer would, replacing an earlier delivery of the day."""
    for dataset, path in files.items():
        with _compressed_as(path, is_wanted=_is_compressed(layout)) as file:
            upload_file(hook, file, keys.raw(layout, day, dataset))


def has_raw_files(hook: "S3Hook", layout: Layout, day: str) -> bool:
    """Whether every raw file of a day has been delivered."""
    return all(hook.check_for_key(keys.raw(layout, day, dataset)) for dataset in DELIVERED)


def _is_compressed(layout: Layout) -> bool:
    return keys.is_compressed(layout.raw_key_template)


def _find_files(folder: Path, dataset: Dataset, suffixes: tuple[str, ...]) -> list[Path]:
    """The files that match the dataset with the first suffix for which there are any."""
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    matching = (fnmatch.filter(names, f"{dataset.file_pattern}{suffix}") for suffix in suffixes)
    return [folder / name for name in next(filter(None, matching), [])]


@contextmanager
def _compressed_as(path: Path, *, is_wanted: bool) -> Iterator[Path]:
    """The file itself, or a copy, compressed or not as the key in S3 says."""
    is_compressed = keys.is_compressed(path.name)
    if is_compressed == is_wanted:
        yield path
        return
    with NamedTemporaryFile() as copy:
        read, write = (gzip.open, open) if is_compressed else (open, gzip.open)
        with read(path, "rb") as source, write(copy.name, "wb") as target:
            shutil.copyfileobj(source, target)
        yield Path(copy.name)
