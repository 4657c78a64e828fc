"""The health check of a container: asks the Airflow component that runs in it. Standard library only.

Run as `python -m include.aws.health`; exits 0 when the component is well. The triggerer, the DAG processor
and workers answer nobody: they are well as long as they live, and the API server's own page tells of the
heartbeats that they leave in the metadata database.
"""

import json
import sys
import urllib.request
from pathlib import Path

API_SERVER = "http://127.0.0.1:8080/api/v2/monitor/health"
SCHEDULER = "http://127.0.0.1:8974/health"
_SECONDS = 15


def main(first_process: Path = Path("/proc/1/cmdline")) -> int:
    words = first_process.read_bytes().decode(errors="replace").split("\0")
    is_well = check(words)
    print("well" if is_well else "NOT WELL")
    return 0 if is_well else 1


def check(words: list[str], api_server: str = API_SERVER, scheduler: str = SCHEDULER) -> bool:
    """Whether the component that these words of a command line start is well."""
    if "api-server" in words:
        return is_database_reached(read(api_server))
    if "scheduler" in words:
        return read(scheduler) is not None
    return True


def is_database_reached(health: bytes | None) -> bool:
    """The API server is well when it has its database; a scheduler that is down is not its fault."""
    return health is not None and json.loads(health)["metadatabase"]["status"] == "healthy"


def read(url: str) -> bytes | None:
    """The answer to a request, or None when there is none or it is an error."""
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310 - an address of our own
            body: bytes = answer.read()
    except OSError:
        return None
    return body


if __name__ == "__main__":
    sys.exit(main())
