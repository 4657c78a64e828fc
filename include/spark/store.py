"""S3 in a Spark job, where Airflow and its hook are not installed."""

from functools import cache
from typing import Any

from include.s3.objects import Client


class Store(Client):
    """Takes its credentials from where the AWS SDK finds them: on Glue, the role of the job."""

    def __init__(self) -> None:
        super().__init__(_open_client())


@cache
def _open_client() -> Any:
    """One client for each process of a job."""
    import boto3
    from botocore.config import Config

    return boto3.client("s3", config=Config(retries={"mode": "standard", "max_attempts": 10}))
