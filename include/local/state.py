"""The folder `.local/`: the stack's files, its secrets, and the record of the running stack."""

import base64
import json
import os
import secrets
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
DEFAULT_STATE_DIR = PROJECT / ".local"
ADMIN = "admin"
#: Prefix of the line with the reason in `logs/supervisor.log`.
REASON_PREFIX = "ended because: "


@dataclass(frozen=True)
class State:
    """Paths in one state folder."""

    root: Path

    @property
    def store(self) -> Path:
        return self.root / "store"

    @property
    def store_security(self) -> Path:
        """The certificate that protects the store's internal ports."""
        return self.root / "store-security"

    @property
    def aws_config(self) -> Path:
        """A profile for boto3 and the AWS CLI: `AWS_CONFIG_FILE=.local/aws_config`."""
        return self.root / "aws_config"

    @property
    def airflow_home(self) -> Path:
        return self.root / "airflow"

    @property
    def database(self) -> Path:
        """PostgreSQL's cluster; only with CeleryExecutor, like `broker` and `worker`."""
        return self.root / "database"

    @property
    def broker(self) -> Path:
        return self.root / "broker"

    def worker(self, number: int) -> Path:
        """Temporary files and task logs of one worker."""
        return self.root / "workers" / str(number)

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def record(self) -> Path:
        return self.root / "stack.json"

    @property
    def passwords(self) -> Path:
        """SimpleAuthManager's JSON file of users and passwords."""
        return self.airflow_home / "passwords.json"

    @property
    def query_cache(self) -> Path:
        """Copies of published objects that `make query` has read."""
        return self.root / "query"

    def raw(self, day: str) -> Path:
        return self.root / "raw" / day

    def output(self, day: str) -> Path:
        return self.root / "output" / day

    def create(self) -> None:
        """Create the folders. Only their owner may enter: they hold personal data, keys and passwords."""
        self.root.mkdir(parents=True, exist_ok=True)
        # An earlier release, or Python's bytecode cache, may have created it with other permissions.
        self.root.chmod(0o700)
        for folder in (self.store, self.airflow_home, self.logs):
            folder.mkdir(mode=0o700, exist_ok=True)

    def keep_logs(self) -> None:
        """Empty the log folder; the logs of the previous start move to `logs.last`."""
        last = self.logs.with_name("logs.last")
        shutil.rmtree(last, ignore_errors=True)
        self.logs.rename(last)
        self.logs.mkdir(mode=0o700)


@dataclass(frozen=True, kw_only=True)
class Record:
    """The running stack, as recorded by its supervisor.

    Parameters
    ----------
    task_port: the port of the API server for tasks.
    owner_pid: the `make run` that it ends with; None for `make up`.
    started_at: seconds since the epoch.
    workers: number of Celery workers; 0 with LocalExecutor.
    contract: the contract file that the stack was started with; empty if there was none.
    """

    pid: int
    ui_port: int
    s3_port: int
    task_port: int
    store_ports: dict[str, int]
    owner_pid: int | None
    started_at: float
    workers: int = 0
    contract: str = ""


def read_record(state: State) -> Record | None:
    """The record of the last start, or None. That stack may have ended since."""
    try:
        return Record(**json.loads(state.record.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def write_record(state: State, record: Record) -> None:
    """Create the record atomically.

    Raises
    ------
    FileExistsError: another start has created one.
    """
    written = state.record.with_name(f"stack.{record.pid}.json")
    written.write_text(json.dumps(asdict(record)))
    try:
        os.link(written, state.record)
    finally:
        written.unlink()


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """Passwords and keys, generated once per state folder."""

    admin_password: str
    fernet_key: str
    jwt_secret: str
    api_secret_key: str
    database_password: str
    broker_password: str
    store_password: str


def read_secrets(state: State) -> Secrets:
    """Read the secrets of this state folder; missing ones are generated."""
    path = state.airflow_home / "secrets.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    made = Secrets(**(asdict(make_secrets()) | kept))
    if asdict(made) != kept:
        write_private(path, json.dumps(asdict(made)))
    write_private(state.passwords, json.dumps({ADMIN: made.admin_password}))
    return made


def make_secrets() -> Secrets:
    """New random secrets."""
    return Secrets(
        admin_password=secrets.token_urlsafe(12),
        fernet_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        jwt_secret=secrets.token_hex(32),
        api_secret_key=secrets.token_hex(32),
        # Used in URLs and SQL without escaping.
        database_password=secrets.token_hex(16),
        broker_password=secrets.token_hex(16),
        store_password=secrets.token_hex(20),
    )


def write_private(path: Path, text: str) -> None:
    """Replace a file atomically; only its owner can ever read it."""
    written = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    written.replace(path)
