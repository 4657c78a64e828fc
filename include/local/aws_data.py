"""What boto knows of S3, read once and shared by all tasks.

Every session reads the same megabytes of JSON anew, which takes a task on a busy machine half a second.
Airflow makes its sessions here (`[aws] session_factory`), with one loader of such files for the whole
process; loaded before tasks are forked, it is there in each.
"""

from typing import Any

import boto3
import botocore.session
from airflow.providers.amazon.aws.hooks.base_aws import BaseSessionFactory
from botocore.loaders import Loader
from typing_extensions import override

_LOADER = Loader()


class SharedDataSessionFactory(BaseSessionFactory):
    """Airflow's own sessions, except where they find the descriptions of AWS services."""

    @override
    def _create_basic_session(self, session_kwargs: dict[str, Any]) -> boto3.session.Session:
        return make_session(**session_kwargs)


def make_session(**session_kwargs: Any) -> boto3.session.Session:
    session = botocore.session.get_session()
    session.register_component("data_loader", _LOADER)
    return boto3.session.Session(botocore_session=session, **session_kwargs)


def load_s3_description() -> None:
    """Read what a client for S3 needs. It asks nobody, so any credentials do."""
    any_key = "none"
    session = make_session(aws_access_key_id=any_key, aws_secret_access_key=any_key)
    session.client("s3", region_name="us-east-1")
