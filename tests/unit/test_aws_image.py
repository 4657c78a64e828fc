"""The image: what goes into it, and its health check."""

import fnmatch
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from include.aws import health
from tests.project_files import PROJECT

DOCKERFILE = (PROJECT / "Dockerfile").read_text()


def test_the_linter_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")

    done = subprocess.run(
        [hadolint, "--failure-threshold", "style", PROJECT / "Dockerfile"], capture_output=True
    )

    assert (done.returncode, done.stdout) == (0, b"")


def test_the_image_runs_the_airflow_that_is_locked() -> None:
    (locked,) = re.findall(
        r"^apache-airflow==(\S+)$", (PROJECT / "requirements.lock").read_text(), re.MULTILINE
    )

    assert f"BASE_IMAGE=apache/airflow:{locked}" in DOCKERFILE
    (runtime,) = re.findall(
        r"^ARG BASE_IMAGE=astrocrpublic\.azurecr\.io/runtime:(\S+)$", DOCKERFILE, re.MULTILINE
    )
    assert runtime.split("-")[0] == ".".join(locked.split(".")[:2])


def test_nothing_runs_as_root() -> None:
    assert re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE) == ["50000:0"]


def test_copied_files_exist_and_are_not_ignored() -> None:
    copied = re.findall(r"^COPY --chown=50000:0 (\S+) ", DOCKERFILE, re.MULTILINE)
    ignored = (PROJECT / ".dockerignore").read_text().splitlines()

    assert copied == ["requirements.txt", "requirements-celery.txt", "dags", "plugins", "include"]
    assert [name for name in copied if f"!{name}" not in ignored or not (PROJECT / name).exists()] == []


@pytest.mark.parametrize("secret", [".env", ".git", ".local", ".venv", "tests", "airflow.cfg", "docs"])
def test_unneeded_files_are_ignored(secret: str) -> None:
    rules = [
        line for line in (PROJECT / ".dockerignore").read_text().splitlines() if not line.startswith("#")
    ]
    verdicts = [not rule.startswith("!") for rule in rules if fnmatch.fnmatch(secret, rule.removeprefix("!"))]

    assert verdicts[-1]


ANSWERS = {
    "/well": (200, b'{"metadatabase": {"status": "healthy"}, "scheduler": {"status": "unhealthy"}}'),
    "/no-database": (200, b'{"metadatabase": {"status": "unhealthy"}}'),
    "/empty": (200, b""),
    "/failing": (503, b""),
}


class Component(BaseHTTPRequestHandler):
    """Answers as the component does that the path names."""

    def do_GET(self) -> None:
        status, body = ANSWERS[self.path]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Component) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


@pytest.mark.parametrize(
    ("words", "path", "is_healthy"),
    [
        (["airflow", "api-server"], "/well", True),
        (["airflow", "api-server"], "/no-database", False),
        (["airflow", "api-server"], "/failing", False),
        (["airflow", "scheduler"], "/empty", True),
        (["airflow", "scheduler"], "/failing", False),
        (["airflow", "triggerer"], "/failing", True),
        (["bash"], "/failing", True),
    ],
)
def test_health_check_of_each_component(server: str, words: list[str], path: str, is_healthy: bool) -> None:
    assert health.check(words, api_server=server + path, scheduler=server + path) is is_healthy


def test_component_without_response_is_unhealthy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = tmp_path / "cmdline"
    command.write_bytes(b"/usr/bin/tini\0--\0/usr/bin/python\0airflow\0scheduler\0")

    assert health.check(["scheduler"], scheduler="http://127.0.0.1:9/health") is False
    command.write_bytes(b"sleep\0")
    assert health.main(command) == 0
    assert capsys.readouterr().out == "healthy\n"
