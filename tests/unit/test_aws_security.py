"""The security checks find what they are for."""

import importlib.util
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from tests.project_files import PROJECT

# Put together here, so that this file itself holds no key.
KEY_LINE = "key = '" + "AKIA" + "Q3EGUZTKQ4SWXYNP" + "'\n"
PLANTED = {
    "lint_code": ("include/unsafe.py", "import yaml\nyaml.load(open('x'), yaml.Loader)\n", "B506"),
    "find_secrets": ("config.py", KEY_LINE, "AWS Access Key"),
    "lint_image": ("Dockerfile", "FROM debian:latest\n", "DL3007"),
    "lint_compose": ("compose.yaml", "services: {a: {image: 'b:1', privileged: true}}\n", "CL-0002"),
    "lint_scripts": ("include/aws/instance/install.sh", "#!/bin/bash\nrm -rf $1\n", "SC2086"),
}


@pytest.fixture
def checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The checks of a project that is empty but for what a test plants."""
    spec = importlib.util.spec_from_file_location("check_security", PROJECT / ".ci" / "check_security.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "PROJECT", tmp_path)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    return module


@pytest.mark.parametrize(("check", "planted"), PLANTED.items(), ids=PLANTED.keys())
def test_a_planted_fault_is_found(
    checks: ModuleType, tmp_path: Path, check: str, planted: tuple[str, str, str]
) -> None:
    file, text, rule = planted
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(text)

    found = getattr(checks, check)()

    assert (rule, file) in {(finding.rule, finding.file) for finding in found}


def _report(module: ModuleType, monkeypatch: pytest.MonkeyPatch, packages: list[dict[str, object]]) -> None:
    monkeypatch.setattr(module, "read_json", lambda *_: {"dependencies": packages})


def test_an_advisory_is_a_finding(checks: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    _report(checks, monkeypatch, [{"name": "old", "version": "1.0", "vulns": [{"id": "PYSEC-1"}]}])

    assert checks.audit_dependencies() == [checks.Finding("pip-audit", "PYSEC-1", "old 1.0")]


def test_an_audit_that_reached_nobody_is_none(checks: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    _report(checks, monkeypatch, [{"name": "any", "skip_reason": "not found"}])

    with pytest.raises(checks.NotPossibleError):
        checks.audit_dependencies()


@pytest.mark.parametrize(("required", "code"), [("", 0), ("1", 1)])
def test_a_check_that_could_not_be_made_fails_only_where_it_must_be(
    checks: ModuleType, monkeypatch: pytest.MonkeyPatch, required: str, code: int
) -> None:
    def refuse() -> None:
        raise checks.NotPossibleError("no advisories")

    monkeypatch.setattr(checks, "CHECKS", {"dependencies": refuse})
    monkeypatch.setattr(checks, "ACCEPTED", {})
    monkeypatch.setenv("REQUIRE_AUDIT", required)

    assert checks.main() == code


def test_an_exception_that_nothing_needs_is_a_fault(
    checks: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checks, "CHECKS", {})

    assert checks.main() == 1
    assert "no longer needed in ACCEPTED" in capsys.readouterr().err
