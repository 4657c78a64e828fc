"""An object store of a test's own, whose identities take ordinary IAM policies."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from include.aws.policies import Policy
from include.config import CONNECTION_ID
from include.local import store
from include.local.ports import LOOPBACK, find_free_ports
from include.local.settings_file import Connection
from include.local.state import State
from include.local.storage import open_hook
from tests.waiting import wait_until

#: The store tells its parts about a new identity; that takes a moment.
_IDENTITY_SECONDS = 30


@dataclass
class OwnStore:
    """The store, by the connection of its owner, who may do everything."""

    state: State
    owner: Connection
    port: int
    inner_ports: dict[str, int]
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start it, again on the same data if it was killed; it answers when this returns."""
        # The identities' interface is closed unless it is asked for.
        option = "-s3.iam.readOnly=false"
        self.process = store.start_store(self.state, self.owner, self.port, self.inner_ports, option)
        store.wait_for_store(self.owner.extra["endpoint_url"], self.process)

    def kill(self) -> None:
        """End it at once, as a machine does that loses its power."""
        assert self.process
        self.process.kill()
        self.process.wait(timeout=30)

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(timeout=30)
        store.remove_sockets(self.inner_ports, self.port)

    def client(self, service: str, connection: Connection | None = None) -> Any:
        login = connection or self.owner
        return boto3.client(
            service,
            endpoint_url=login.extra["endpoint_url"],
            region_name=login.extra["region_name"],
            aws_access_key_id=login.login,
            aws_secret_access_key=login.password,
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )

    def hook(self, connection: Connection | None = None) -> Any:
        return open_hook(connection or self.owner, self.state)

    def add_identity(self, name: str, *policies: Policy) -> Connection:
        """A user with the policies; known to the store when this returns."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        for number, policy in enumerate(policies):
            made = iam.create_policy(PolicyName=f"{name}-{number}", PolicyDocument=json.dumps(policy))
            iam.attach_user_policy(UserName=name, PolicyArn=made["Policy"]["Arn"])
        key = iam.create_access_key(UserName=name)["AccessKey"]
        identity = replace(self.owner, login=key["AccessKeyId"], password=key["SecretAccessKey"])
        wait_until(lambda: self._knows(identity), {True}, _IDENTITY_SECONDS)
        return identity

    def _knows(self, identity: Connection) -> bool:
        try:
            self.client("s3", identity).list_buckets()
        except ClientError as error:
            if error.response["Error"]["Code"] != "InvalidAccessKeyId":
                raise
            return False
        return True


@contextmanager
def run_own_store(folder: Path) -> Iterator[OwnStore]:
    """A store on free ports, stopped at the end."""
    state = State(folder)
    state.create()
    (port,) = find_free_ports(1)
    own = OwnStore(state, _make_owner(f"http://{LOOPBACK}:{port}"), port, store.choose_ports(state))
    try:
        own.start()
        yield own
    finally:
        own.stop()


def _make_owner(url: str) -> Connection:
    extra = {
        "endpoint_url": url,
        "region_name": "us-east-1",
        "config_kwargs": {"s3": {"addressing_style": "path"}},
    }
    return Connection(
        conn_id=CONNECTION_ID, conn_type="aws", login="owner", password="owner-secret", extra=extra
    )
