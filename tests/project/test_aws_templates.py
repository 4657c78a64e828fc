"""The templates and the policies in them, without an account."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from include.aws import policies
from include.aws.__main__ import main
from include.aws.access import ROLE_TAG, substitute
from include.aws.cloudformation import read_template
from include.aws.errors import AwsError
from include.aws.policies import Place
from include.aws.stacks import STACKS, TEMPLATES, Deployment, read_text
from include.aws.validate_templates import all_policies, validate
from include.keys import Layout
from include.reporting.metrics import METRICS

DEPLOYMENT = Deployment(name="ecommerce", account="123456789012", region="us-east-1")
#: Measured by the watchdog, and by AWS itself.
OTHER_METRICS = {"DeadlineMissed", "NewestDayAgeHours", "Errors"}


def read(stack: str) -> dict[str, Any]:
    return read_template(read_text(stack))


def resources(stack: str, resource_type: str) -> dict[str, dict[str, Any]]:
    found = read(stack)["Resources"].items()
    return {name: resource["Properties"] for name, resource in found if resource["Type"] == resource_type}


def test_the_linters_find_nothing() -> None:
    validate(DEPLOYMENT)


def test_access_template_holds_the_policies() -> None:
    in_template = {
        name: properties["PolicyDocument"]
        for name, properties in resources("access", "AWS::IAM::ManagedPolicy").items()
    }

    assert in_template.items() >= substitute(all_policies()).items()
    assert in_template.keys() - all_policies().keys() == {"MwaaPolicy", "AgentPolicy"}


@pytest.mark.parametrize("role", ["ProducerRole", "DocsReaderRole"])
def test_people_assume_roles_by_tag(role: str) -> None:
    (statement,) = resources("access", "AWS::IAM::Role")[role]["AssumeRolePolicyDocument"]["Statement"]

    assert statement["Condition"]["StringEquals"].keys() == {ROLE_TAG}


def test_templates_are_written_as_deployed(tmp_path: Path) -> None:
    assert main(["write-templates", str(tmp_path)]) == 0
    written = {file.stem: file.read_text() for file in tmp_path.iterdir()}
    assert written == {stack: DEPLOYMENT.template(stack) for stack in STACKS}


def test_the_policies_of_a_deployment_follow_its_key_templates() -> None:
    deployment = Deployment(
        name="shop",
        account="123456789012",
        region="eu-west-1",
        raw_key_template="drop/{day:%Y/%m}/{dataset}_{day}.csv.gz",
    )

    assert "${RawBucket}/drop/????/??/orders_????-??-??.csv.gz" in deployment.template("access")
    assert "${RawBucket}/????-??-??/orders.csv" not in deployment.template("access")


def test_only_working_files_may_be_deleted() -> None:
    allowed = {
        (name, resource)
        for name, document in all_policies(Layout(), Place(partition="aws")).items()
        for statement in document["Statement"]
        if any(action.startswith("s3:Delete") for action in statement["Action"])
        for resource in statement["Resource"]
    }

    assert allowed == {
        ("GlueJobPolicy", "arn:aws:s3:::ecommerce-curated/staged/*"),
        # The clean-up of dead runs.
        ("WorkerDataPolicy", "arn:aws:s3:::ecommerce-curated/snapshots/*"),
        ("WorkerDataPolicy", "arn:aws:s3:::ecommerce-curated/staged/*"),
    }


def test_every_statement_says_what_it_is_for() -> None:
    for document in all_policies().values():
        sids = [statement["Sid"] for statement in document["Statement"]]
        assert len(sids) == len(set(sids))


def test_raw_deliveries_never_expire_and_the_rest_does_as_the_keys_say() -> None:
    rules = {
        bucket: {rule["Id"]: rule for rule in properties["LifecycleConfiguration"]["Rules"]}
        for bucket, properties in resources("data", "AWS::S3::Bucket").items()
    }
    raw = json.dumps(rules["RawStore"])

    assert "Expiration" not in raw
    assert {rule["Prefix"] for rule in rules["CuratedStore"].values() if "Prefix" in rule} == {
        policies.snapshots(Layout()).removeprefix("s3://ecommerce-curated/").rstrip("*"),
        policies.staged(Layout()).removeprefix("s3://ecommerce-curated/").rstrip("*"),
        "quarantine/",
    }
    assert "NoncurrentVersionExpiration" in rules["CuratedStore"]["old-versions"]


def test_the_glue_job_gets_the_versions_that_are_tested() -> None:
    (job,) = resources("glue", "AWS::Glue::Job").values()
    pinned = (TEMPLATES.parents[2] / "requirements.txt").read_text().splitlines()

    modules = job["DefaultArguments"]["--additional-python-modules"].split(",")

    assert {module.partition("==")[0] for module in modules} == {"isal", "pandas", "pyarrow"}
    assert set(modules) <= set(pinned)


def test_every_alarm_watches_a_metric_that_is_sent() -> None:
    alarms = resources("monitoring", "AWS::CloudWatch::Alarm")

    assert {alarm["MetricName"] for alarm in alarms.values()} <= {*METRICS, *OTHER_METRICS}
    # An alarm names its dimensions one by one, so what it watches must have none.
    assert not [
        alarm
        for alarm in alarms.values()
        if alarm["MetricName"] in METRICS and METRICS[alarm["MetricName"]].dimensions
    ]


def test_the_dashboard_shows_every_alarm_and_every_metric() -> None:
    (dashboard,) = resources("monitoring", "AWS::CloudWatch::Dashboard").values()
    body = dashboard["DashboardBody"]["Fn::Sub"]

    assert [
        name for name in resources("monitoring", "AWS::CloudWatch::Alarm") if f"${{{name}.Arn}}" not in body
    ] == []
    assert [name for name in METRICS if f'"{name}"' not in body.replace("\\", "")] == []


def test_instance_reaches_aws_and_documented_mail_ports() -> None:
    (group,) = resources("instance", "AWS::EC2::SecurityGroup").values()
    runbook = (TEMPLATES.parents[2] / "docs" / "runbook.md").read_text()
    shown = {int(port) for port in re.findall(r"for port (\d+) `", runbook)}

    assert {rule["ToPort"] for rule in group["SecurityGroupEgress"]} == {443} | shown
    assert "SecurityGroupIngress" not in group


def test_a_template_fits_into_a_request() -> None:
    # CloudFormation takes 51,200 bytes in a request; more would have to lie in S3.
    assert all(len(DEPLOYMENT.template(stack).encode()) < 51_200 for stack in STACKS)


@pytest.mark.parametrize("name", ["", "E", "e", "my-shop", "a" * 21, "1shop"])
def test_invalid_deployment_name_is_rejected(name: str) -> None:
    with pytest.raises(AwsError, match="--name"):
        Deployment(name=name, account="123456789012", region="us-east-1")


def test_the_guide_lists_every_metric_and_every_alarm_with_its_metric() -> None:
    guide = (TEMPLATES.parents[2] / "docs" / "deploy-monitoring.md").read_text()
    alarms = resources("monitoring", "AWS::CloudWatch::Alarm").values()

    missing = [
        f"| `{name}` | {', '.join(metric.dimensions)} | {metric.meaning} |"
        for name, metric in METRICS.items()
    ]
    assert [row for row in missing if row.replace("|  |", "| |") not in guide] == []
    for alarm in alarms:
        name = alarm["AlarmName"]["Fn::Sub"].replace("${Name}", "ecommerce")
        assert f"| `{name}` | `{alarm['MetricName']}`" in guide
        heading = alarm["AlarmDescription"].split('"')[1]
        assert f"### {heading}\n" in guide


def test_the_guide_names_every_parameter_that_an_alarm_takes() -> None:
    guide = (TEMPLATES.parents[2] / "docs" / "deploy-monitoring.md").read_text()
    parameters = read("monitoring")["Parameters"]

    for name in ("DeadlineHour", "MaxAgeHours", "WarnRejectRatio", "MaxRunSeconds"):
        assert f"`{name}`, {parameters[name]['Default']}" in guide
