"""The security checks, as one command: dependencies, our own code, secrets, templates, image, scripts.

Every tool comes from the package index. What a tool finds and we accept stands in ACCEPTED with its reason;
an entry that nothing needs any more is a fault as well.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
#: What runs in production; the linter of `make check` has the same rules for tests and benchmarks.
SHIPPED = ("include", "dags", "plugins")
SCRIPTS = ("include/aws/instance/install.sh",)


@dataclass(frozen=True, order=True)
class Finding:
    """What a tool says of a file. Without the line, which moves."""

    tool: str
    rule: str
    file: str


#: Rules that go by a name or by randomness, and not by the form of a key.
GUESSES = {"Secret Keyword", "Base64 High Entropy String", "Hex High Entropy String"}

ACCEPTED = {
    Finding(
        "bandit", "B108", "include/local/store.py"
    ): "SeaweedFS puts its sockets into /tmp; we remove them",
    Finding("bandit", "B310", "include/aws/health.py"): "two fixed addresses of the loopback interface",
    Finding(
        "bandit", "B506", "include/aws/cloudformation.py"
    ): "a SafeLoader that knows CloudFormation's tags",
    Finding(
        "bandit", "B608", "include/quality/expectations.py"
    ): "columns and formulas are constants of the module",
    Finding("bandit", "B608", "include/publishing/diff.py"): "the names are columns of the contract",
    Finding("bandit", "B704", "include/site/pages.py"): "style sheets of ours",
    Finding("bandit", "B704", "include/site/results.py"): "cleaned by nh3 in the line above",
    Finding(
        "compose", "CL-0006", "compose.yaml"
    ): "PostgreSQL's, Redis' and the store's images change their user",
    Finding(
        "compose", "CL-0019", "compose.yaml"
    ): "tags name versions; who deploys pins the digests of that day",
    Finding("compose", "CL-0026", "compose.yaml"): "what a container may take depends on the machine",
    Finding("secrets", "Secret Keyword", "airflow_settings.yaml"): "opens the store on one machine only",
}


class NotPossibleError(Exception):
    """A check cannot be made here."""


def main() -> int:
    """Run every check. The result is 1 when one found something, or could not be made though it must."""
    findings: list[Finding] = []
    is_incomplete = False
    for name, check in CHECKS.items():
        try:
            found = sorted(set(check()))
        except NotPossibleError as error:
            is_incomplete = True
            print(f"{name:<14}NOT CHECKED: {error}")
            continue
        findings += found
        unaccepted = [finding for finding in found if finding not in ACCEPTED]
        print(f"{name:<14}{len(unaccepted)} findings, {len(found) - len(unaccepted)} accepted with a reason")
    faults = [f"{finding}" for finding in findings if finding not in ACCEPTED]
    faults += [f"no longer needed in ACCEPTED: {entry}" for entry in ACCEPTED if entry not in findings]
    for fault in faults:
        print(f"  {fault}", file=sys.stderr)
    return int(bool(faults) or (is_incomplete and os.environ.get("REQUIRE_AUDIT") == "1"))


def audit_dependencies() -> list[Finding]:
    """Known vulnerabilities of the locked versions.

    Raises
    ------
    NotPossibleError: the service with the advisories knows none of the packages, so it was not reached.
    """
    report = read_json(
        "pip-audit",
        *("--requirement", "requirements.lock", "--no-deps", "--disable-pip"),
        *("--format", "json", "--progress-spinner", "off"),
    )
    audited = [package for package in report["dependencies"] if "skip_reason" not in package]
    if not audited:
        raise NotPossibleError(
            "the index reached from here gives no advisories; run this where the public one answers"
        )
    return [
        Finding("pip-audit", advisory["id"], f"{package['name']} {package['version']}")
        for package in audited
        for advisory in package["vulns"]
    ]


def lint_code() -> list[Finding]:
    """Unsafe calls in what ships, of medium severity and above; the linter of `make check` has the rest."""
    report = read_json("bandit", "--quiet", "--recursive", "-ll", "--format", "json", *SHIPPED)
    return [Finding("bandit", each["test_id"], each["filename"]) for each in report["results"]]


def find_secrets() -> list[Finding]:
    """Keys and passwords in everything that is or will be committed.

    A test may call something a password, and its names and hashes look random: rules that guess do not hold
    there. The forms of real keys are looked for everywhere.
    """
    names = run("git", "ls-files", "--cached", "--others", "--exclude-standard").stdout.splitlines()
    files = [name for name in names if (PROJECT / name).is_file()]
    results = read_json("detect-secrets", "scan", *files)["results"]
    found = [Finding("secrets", each["type"], file) for file, listed in results.items() for each in listed]
    return [each for each in found if not (each.file.startswith("tests/") and each.rule in GUESSES)]


def lint_templates() -> list[Finding]:
    """The CloudFormation templates and the policies in them."""
    done = run(sys.executable, "-m", "include.aws", "validate")
    return [Finding("templates", line, "include/aws") for line in done.stderr.splitlines()]


def lint_image() -> list[Finding]:
    found = read_json("hadolint", "--format", "json", "Dockerfile")
    return [Finding("hadolint", each["code"], each["file"]) for each in found]


def lint_compose() -> list[Finding]:
    """The services of `compose.yaml`, from medium severity on."""
    found = read_json("compose-lint", "check", "--format", "json", "compose.yaml")["findings"]
    return [Finding("compose", each["rule_id"], each["file"]) for each in found if each["severity"] != "low"]


def lint_scripts() -> list[Finding]:
    found = read_json("shellcheck", "--format", "json", *SCRIPTS)
    return [Finding("shellcheck", f"SC{each['code']}", each["file"]) for each in found]


def read_json(tool: str, *arguments: str) -> Any:
    """What a tool reports; its exit code only says whether that is empty."""
    done = run(str(Path(sys.executable).with_name(tool)), *arguments)
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise NotPossibleError(f"{tool}: {(done.stderr or done.stdout).strip()[-300:]}") from None


def run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)  # noqa: S603 - fixed


CHECKS: dict[str, Callable[[], list[Finding]]] = {
    "dependencies": audit_dependencies,
    "code": lint_code,
    "secrets": find_secrets,
    "templates": lint_templates,
    "image": lint_image,
    "compose": lint_compose,
    "scripts": lint_scripts,
}

if __name__ == "__main__":
    sys.exit(main())
