"""boto3's description of S3, loaded once and shared by all tasks.

Every boto3 session loads the same megabytes of JSON, which costs a task up to half a second. Airflow creates
its sessions here (`[aws] session_factory`) with one loader per process, which forked tasks inherit.
"""

from typing import Any

import boto3
import botocore.session
from airflow.providers.amazon.aws.hooks.base_aws import BaseSessionFactory
from botocore.loaders import Loader
from typing_extensions import override

_LOADER = Loader()


class SharedDataSessionFactory(BaseSessionFactory):
    """Airflow's sessions with a shared loader of service descriptions."""

    @override
    def _create_basic_session(self, session_kwargs: dict[str, Any]) -> boto3.session.Session:
        return make_session(**session_kwargs)


def make_session(**session_kwargs: Any) -> boto3.session.Session:
    session = botocore.session.get_session()
    session.register_component("data_loader", _LOADER)
    return boto3.session.Session(botocore_session=session, **session_kwargs)


def load_s3_description() -> None:
    """Load the description of S3. No request is sent, so any credentials will do."""
    any_key = "none"
    session = make_session(aws_access_key_id=any_key, aws_secret_access_key=any_key)
    session.client("s3", region_name="us-east-1")
