"""S3 in a Spark job: what `include.s3.objects` needs of Airflow's hook, which is not installed there."""

from functools import cache
from typing import Any


class Store:
    """Takes its rights from where the AWS SDK finds them: on Glue, from the role of the job."""

    def get_conn(self) -> Any:
        return _open_client()

    @staticmethod
    def parse_s3_url(url: str) -> tuple[str, str]:
        bucket, _, key = url.removeprefix("s3://").partition("/")
        return bucket, key


@cache
def _open_client() -> Any:
    """One client for each process of a job."""
    import boto3
    from botocore.config import Config

    return boto3.client("s3", config=Config(retries={"mode": "standard", "max_attempts": 10}))
