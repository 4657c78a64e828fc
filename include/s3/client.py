"""What `include.s3` needs from Airflow's hook, for programs without Airflow: Spark jobs, local commands."""

from typing import Any


class Client:
    """Stands in for the hook."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def get_conn(self) -> Any:
        return self._client

    @staticmethod
    def parse_s3_url(url: str) -> tuple[str, str]:
        bucket, _, key = url.removeprefix("s3://").partition("/")
        return bucket, key
