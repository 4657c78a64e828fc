"""The health check of a container, `python -m include.aws.health`: exits 0 if its component is healthy.

The triggerer, the DAG processor and workers have no health endpoint: they count as healthy while they run.
The API server shows their heartbeats. Standard library only.
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
    is_healthy = check(words)
    print("healthy" if is_healthy else "UNHEALTHY")
    return 0 if is_healthy else 1


def check(words: list[str], api_server: str = API_SERVER, scheduler: str = SCHEDULER) -> bool:
    """Whether the component with this command line is healthy."""
    if "api-server" in words:
        return is_database_reached(read(api_server))
    if "scheduler" in words:
        return read(scheduler) is not None
    return True


def is_database_reached(health: bytes | None) -> bool:
    """The API server is healthy if it reaches its database, even if the scheduler is down."""
    return health is not None and json.loads(health)["metadatabase"]["status"] == "healthy"


def read(url: str) -> bytes | None:
    """The body of a successful response, or None."""
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310 - an address of our own
            body: bytes = answer.read()
    except OSError:
        return None
    return body


if __name__ == "__main__":
    sys.exit(main())
