"""The security checks, as one command: dependencies, code, secrets, templates, image, Compose, scripts.

Every tool comes from the package index. A finding that we accept stands in ACCEPTED with its reason, one
entry for each place in the code; an unused entry is a fault. A check that cannot run is a fault as well; only
the advisory service may be unreachable, unless REQUIRE_AUDIT=1.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[1]
#: What runs in production; the linter of `make check` has the same rules for tests and benchmarks.
SHIPPED = ("include", "dags", "plugins")
#: checkov's dependencies conflict with Airflow's, so it has an environment of its own.
SCANNERS = Path(sys.executable).parents[1] / "scanners" / "bin"


@dataclass(frozen=True, order=True)
class Finding:
    """What a tool reports about one place: a line's text or a resource. Line numbers move, texts do not."""

    tool: str
    rule: str
    file: str
    place: str = ""


#: Rules that judge a name or randomness, and not the form of a key: tests have both on purpose.
GUESSES = {"Secret Keyword", "Base64 High Entropy String", "Hex High Entropy String"}
#: An AWS secret key, quoted or not: 40 characters with small and capital letters and digits.
BARE_SECRET = re.compile(
    r"(?<![A-Za-z0-9/+=_.-])(?=[A-Za-z/+]*\d)(?=[a-z0-9/+]*[A-Z])(?=[A-Z0-9/+]*[a-z])[A-Za-z0-9/+]{40}"
    r"(?![A-Za-z0-9/+=_.-])"
)
UNVERIFIED_DOWNLOAD = {
    "download-to-shell": re.compile(r"\b(curl|wget)\b[^\n]*\|\s*(sudo\s+)?(ba|da|z)?sh\b"),
    "no-certificate-check": re.compile(r"\bcurl\b[^\n|]*\s(-\w*k\w*|--insecure)\b|--no-check-certificate"),
    "foreign-index": re.compile(r"--(extra-)?index-url|--trusted-host"),
}
SUPPRESSION = re.compile(
    r"#\s*nosec\b|pragma:\s*allowlist secret|checkov:skip|hadolint ignore|shellcheck disable"
)
PINNED = re.compile(r"[A-Za-z0-9._-]+(\[[\w,-]+\])?==[^\s;*]+(\s*;.*)?")

LOGGED_BY_CLOUDTRAIL = (
    "who needs a record of reads turns on CloudTrail's data events: one trail for all buckets"
)
AWS_KEY = "encrypted with AWS' own key; a key per deployment costs more than it protects here"
ACCEPTED = {
    Finding(
        "bandit",
        "B108",
        "include/local/store.py",
        'for socket in find_sockets(Path("/tmp"), {s3_port, *ports.values()}):',
    ): "SeaweedFS puts its sockets into /tmp; we remove them",
    Finding(
        "bandit",
        "B310",
        "include/aws/health.py",
        "with urllib.request.urlopen(url, timeout=_SECONDS) as answer:",
    ): "two fixed addresses of the loopback interface",
    Finding(
        "bandit",
        "B506",
        "include/aws/cloudformation.py",
        "template: dict[str, Any] = yaml.load(text, Loader=_Loader)",
    ): "a SafeLoader that knows CloudFormation's tags",
    **{
        Finding("bandit", "B608", "include/quality/expectations.py", place): (
            "columns and formulas are constants of the module and the contract"
        )
        for place in (
            'EARLY_DELIVERIES = f"""',
            'REPEATED_KEYS = f"""',
            'unexpected_rows_query=f"SELECT * FROM {{batch}} WHERE {is_broken}",',
        )
    },
    Finding(
        "bandit", "B608", "include/publishing/diff.py", 'query = f"""'
    ): "the names are columns of the contract",
    Finding(
        "bandit", "B608", "include/site/business.py", 'query = f"""'
    ): "everything put into the text is a constant of the module",
    Finding("bandit", "B704", "include/site/pages.py", "style = Markup(style_sheet())"): (
        "our own style sheet"
    ),
    Finding(
        "bandit",
        "B704",
        "include/site/pages.py",
        'style = Markup((FOLDER / "static" / "error.css").read_text())',
    ): "our own style sheet",
    Finding(
        "bandit", "B704", "include/site/results.py", "return Markup(cleaned)"
    ): "cleaned by nh3 in the line above",
    Finding(
        "compose", "CL-0006", "compose.yaml"
    ): "PostgreSQL's, Redis' and the store's images change their user",
    Finding(
        "compose", "CL-0019", "compose.yaml"
    ): "tags name versions; who deploys pins the digests of that day",
    Finding("compose", "CL-0026", "compose.yaml"): "what a container may take depends on the machine",
    Finding(
        "secrets", "Secret Keyword", "airflow_settings.yaml", "conn_password: generated"
    ): "a placeholder: each checkout generates its own",
    Finding(
        "secrets", "Secret Keyword", "include/local/settings_file.py", 'GENERATED_PASSWORD = "generated"'
    ): "the same placeholder",
    **{
        Finding("checkov", "CKV_AWS_18", "data.yaml", f"AWS::S3::Bucket.{name}Store"): LOGGED_BY_CLOUDTRAIL
        for name in ("Raw", "Curated", "Quality", "Artifact")
    },
    Finding("checkov", "CKV_AWS_26", "monitoring.yaml", "AWS::SNS::Topic.AlertTopic"): (
        "alerts hold counts and no rows; alarms could not publish to a topic with AWS' own key"
    ),
    Finding("checkov", "CKV_AWS_46", "instance.yaml", "AWS::EC2::Instance.Instance"): (
        "takes a path of the user data for a key; the secrets are made on the machine"
    ),
    Finding("checkov", "CKV_AWS_111", "access.yaml", "AWS::IAM::ManagedPolicy.AgentPolicy"): (
        "AWS knows no resource for the actions of Systems Manager's agent"
    ),
    Finding("checkov", "CKV_AWS_115", "monitoring.yaml", "AWS::Lambda::Function.Watchdog"): (
        "one call an hour; a reservation would take from the account's other functions"
    ),
    Finding("checkov", "CKV_AWS_116", "monitoring.yaml", "AWS::Lambda::Function.Watchdog"): (
        "a lost call is an alarm: missing data counts as breaching"
    ),
    Finding("checkov", "CKV_AWS_117", "monitoring.yaml", "AWS::Lambda::Function.Watchdog"): (
        "it talks to S3 and CloudWatch only and must work when the network of the pipeline does not"
    ),
    Finding("checkov", "CKV_AWS_158", "data.yaml", "AWS::Logs::LogGroup.TaskLogs"): AWS_KEY,
    Finding("checkov", "CKV_AWS_158", "monitoring.yaml", "AWS::Logs::LogGroup.WatchdogLogs"): AWS_KEY,
    Finding("checkov", "CKV_AWS_173", "monitoring.yaml", "AWS::Lambda::Function.Watchdog"): (
        "its environment names a bucket, a namespace and an hour"
    ),
    Finding("checkov", "CKV_AWS_195", "glue.yaml", "AWS::Glue::Job.TransformJob"): AWS_KEY,
}


class NotPossibleError(Exception):
    """A check cannot run here."""


class UnreachableError(NotPossibleError):
    """The advisory service cannot be reached."""


def main() -> int:
    """Run every check. The result is 1 when one has a finding or could not run."""
    found: set[Finding] = set()
    faults: list[str] = []
    for name, check in CHECKS.items():
        try:
            findings = set(check())
        except UnreachableError as error:
            print(f"{name:<14}NOT CHECKED: {error}")
            if os.environ.get("REQUIRE_AUDIT") == "1":
                faults.append(f"{name}: {error}")
            continue
        except NotPossibleError as error:
            print(f"{name:<14}NOT CHECKED")
            faults.append(f"{name}: {error}")
            continue
        found |= findings
        accepted = findings & ACCEPTED.keys()
        print(f"{name:<14}{len(findings - accepted)} findings, {len(accepted)} accepted with a reason")
    faults += [f"{finding}" for finding in sorted(found - ACCEPTED.keys())]
    faults += [f"no longer needed in ACCEPTED: {entry}" for entry in sorted(ACCEPTED.keys() - found)]
    for fault in faults:
        print(f"  {fault}", file=sys.stderr)
    return int(bool(faults))


def audit_dependencies() -> list[Finding]:
    """Known vulnerabilities of the locked versions.

    Raises
    ------
    UnreachableError: the advisory service knows none of the packages, so it was not reached.
    """
    report = read_json(
        "pip-audit",
        *("--requirement", "requirements.lock", "--no-deps", "--disable-pip"),
        *("--format", "json", "--progress-spinner", "off"),
    )
    audited = [package for package in report["dependencies"] if "skip_reason" not in package]
    if not audited:
        raise UnreachableError(
            "the index reached from here gives no advisories; run this where the public one answers"
        )
    return [
        Finding("pip-audit", advisory["id"], f"{package['name']} {package['version']}")
        for package in audited
        for advisory in package["vulns"]
    ]


def check_pins() -> Iterator[Finding]:
    """Every requirement names one version, or the file that does."""
    for file in list_files("requirements*.txt", "requirements*.lock", "**/requirements*.txt"):
        for line in read_lines(file):
            requirement = line.split(" #")[0].strip()
            if requirement and not requirement.startswith(("#", "-r ")) and not PINNED.fullmatch(requirement):
                yield Finding("pins", "unpinned", file, line.strip())


def lint_code() -> Iterator[Finding]:
    """Unsafe calls in what ships, of medium severity and above; comments switch nothing off."""
    report = read_json(
        "bandit", "--quiet", "--recursive", "-ll", "--ignore-nosec", "--format", "json", *SHIPPED
    )
    if report["errors"]:
        raise NotPossibleError(f"bandit: {report['errors'][0]}")
    for each in report["results"]:
        yield Finding("bandit", each["test_id"], each["filename"], read_line(each))


def find_suppressions() -> Iterator[Finding]:
    """Comments that switch a scanner off: exceptions belong into ACCEPTED, where they are counted."""
    for file in list_files():
        if file not in THIS_CHECK:
            yield from grep(file, {"suppression": SUPPRESSION})


def find_secrets() -> Iterator[Finding]:
    """Keys and passwords in everything that is or will be committed.

    A test may call something a password, and its names and hashes look random: rules that guess do not hold
    there. The forms of real keys are looked for everywhere.
    """
    files = list_files()
    for file, listed in read_json("detect-secrets", "scan", *files)["results"].items():
        for each in listed:
            is_guess = each["type"] in GUESSES
            if not (is_guess and (file.startswith("tests/") or file in THIS_CHECK)):
                yield Finding("secrets", each["type"], file, read_line(each | {"filename": file}))
    for file in files:
        yield from grep(file, {"40 characters like an AWS secret key": BARE_SECRET})


def check_settings_file() -> Iterator[Finding]:
    """The committed connections hold no password but the placeholder."""
    settings = yaml.safe_load(read_text("airflow_settings.yaml"))["airflow"]
    for connection in settings["connections"]:
        if connection.get("conn_password", "generated") != "generated":
            yield Finding("settings", "password", "airflow_settings.yaml", connection["conn_id"])


def lint_templates() -> Iterator[Finding]:
    """The CloudFormation templates: form, policies, and the invariants of `include/aws/invariants.py`."""
    done = run(sys.executable, "-m", "include.aws", "validate")
    if done.returncode and not done.stderr.startswith("error: "):
        raise NotPossibleError(done.stderr.strip()[-300:])
    for line in done.stderr.splitlines()[1:] or done.stderr.splitlines():
        yield Finding("templates", line, "include/aws")


def scan_templates() -> Iterator[Finding]:
    """The same templates by checkov, a second opinion with rules of its own."""
    with tempfile.TemporaryDirectory() as folder:
        done = run(sys.executable, "-m", "include.aws", "write-templates", folder)
        if done.returncode:
            raise NotPossibleError(done.stderr.strip()[-300:])
        report = read_json(
            "checkov",
            *("--directory", folder, "--framework", "cloudformation"),
            *("--skip-download", "--quiet", "--compact", "--output", "json"),
            folder=SCANNERS,
        )
    if report["summary"]["parsing_errors"] or not report["summary"]["resource_count"]:
        raise NotPossibleError("checkov could not read the templates")
    for each in report["results"]["failed_checks"]:
        yield Finding("checkov", each["check_id"], each["file_path"].lstrip("/"), each["resource"])


def lint_image() -> Iterator[Finding]:
    read_text("Dockerfile")
    for each in read_json("hadolint", "--format", "json", "Dockerfile"):
        yield Finding("hadolint", each["code"], each["file"])


def lint_compose() -> Iterator[Finding]:
    """The services of `compose.yaml`, from medium severity on."""
    read_text("compose.yaml")
    for each in read_json("compose-lint", "check", "--format", "json", "compose.yaml")["findings"]:
        if each["severity"] != "low":
            yield Finding("compose", each["rule_id"], each["file"])


def lint_scripts() -> Iterator[Finding]:
    """Shell scripts, and downloads that nobody verifies, wherever commands stand."""
    scripts = [file for file in list_files() if is_script(file)]
    if "include/aws/instance/install.sh" not in scripts:
        raise NotPossibleError("include/aws/instance/install.sh is missing")
    for each in read_json("shellcheck", "--format", "json", *scripts):
        yield Finding(
            "shellcheck", f"SC{each['code']}", each["file"], read_line(each | {"line_number": each["line"]})
        )
    for file in [*scripts, *list_files("Dockerfile", "Makefile", "*.yaml", "*.yml", "**/*.yaml")]:
        yield from grep(file, UNVERIFIED_DOWNLOAD)


def is_script(file: str) -> bool:
    """A file that a shell runs, by its first line."""
    return bool(re.match(rb"#!.*\b(ba|da)?sh\b", (PROJECT / file).read_bytes()[:40]))


def list_files(*patterns: str) -> list[str]:
    """What is or will be committed; all of it without patterns."""
    done = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns)
    if done.returncode:
        raise NotPossibleError(done.stderr.strip())
    return [name for name in done.stdout.splitlines() if (PROJECT / name).is_file()]


def grep(file: str, rules: dict[str, re.Pattern[str]]) -> Iterator[Finding]:
    for line in read_lines(file):
        for rule, pattern in rules.items():
            if pattern.search(line):
                yield Finding("search", rule, file, line.strip())


def read_text(file: str) -> str:
    """A file that must be there.

    Raises
    ------
    NotPossibleError: it is missing.
    """
    try:
        return (PROJECT / file).read_text()
    except FileNotFoundError:
        raise NotPossibleError(f"{file} is missing") from None


def read_lines(file: str) -> list[str]:
    """The lines of a file; none of one that is no text."""
    try:
        return (PROJECT / file).read_text().splitlines()
    except UnicodeDecodeError:
        return []


def read_line(result: dict[str, Any]) -> str:
    """The text that a tool's result points at, without the comment behind it."""
    file: str = result.get("filename") or result["file"]
    line = read_lines(file)[result["line_number"] - 1]
    return line.partition("  # ")[0].strip()


def read_json(tool: str, *arguments: str, folder: Path = Path(sys.executable).parent) -> Any:
    """What a tool reports; its exit code only says whether that is empty."""
    try:
        done = run(str(folder / tool), *arguments)
    except FileNotFoundError:
        raise NotPossibleError(f"{tool} is not installed") from None
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise NotPossibleError(f"{tool}: {(done.stderr or done.stdout).strip()[-300:]}") from None


def run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)  # noqa: S603 - fixed


#: These hold the patterns themselves.
THIS_CHECK = {".ci/check_security.py", "tests/project/test_security_checks.py"}

CHECKS: dict[str, Callable[[], Iterable[Finding]]] = {
    "dependencies": audit_dependencies,
    "pins": check_pins,
    "code": lint_code,
    "suppressions": find_suppressions,
    "secrets": find_secrets,
    "settings": check_settings_file,
    "templates": lint_templates,
    "checkov": scan_templates,
    "image": lint_image,
    "compose": lint_compose,
    "scripts": lint_scripts,
}

if __name__ == "__main__":
    sys.exit(main())
