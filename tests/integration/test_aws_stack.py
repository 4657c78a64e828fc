"""The templates, deployed to moto's CloudFormation, and the pipeline's AWS side on what they made.

moto stands in for CloudFormation, SNS, Glue, CloudWatch, Secrets Manager and Lambda's registry; the day
itself runs on the real store.
"""

import base64
import dataclasses
import datetime as dt
import json
import logging
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import boto3
import pytest
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred
from moto import mock_aws

from include import keys
from include.aws import watchdog
from include.aws.cloudformation import read_template
from include.aws.deploy import NEWEST_IMAGE, Extras, deploy
from include.aws.errors import DataKeptError
from include.aws.settings import make_environment
from include.aws.stacks import STACKS, Deployment
from include.aws.teardown import teardown
from include.config import CONNECTION_ID, Settings
from include.contract import published_orders
from include.errors import CatalogError, GateClosedError
from include.extract import extract
from include.keys import Layout
from include.local.storage import create_buckets
from include.manifest import Extracted, Validated, digest_inputs
from include.operators.glue import GlueTransform, name_result
from include.publish import publish
from include.publishing.gate import decide_gate
from include.reporting import glue_catalog
from include.reporting.metrics import report_failed, send_published
from include.transform import transform
from tests.doubles import Task
from tests.integration.own_store import OwnStore, run_own_store
from tests.moto_cloudformation import BUCKET_POLICIES, teach_all
from tests.raw_files import complete_day, make_orders
from tests.records import GREEN

REGION = "us-east-1"
COMPARISONS = {"GreaterThanThreshold": operator.gt}


@dataclass
class Account:
    """An empty AWS account, and what was said while deploying to it."""

    session: Any
    deployment: Deployment
    extras: Extras
    said: list[str] = field(default_factory=list)

    def deploy(self, *, answer: bool = True) -> bool:
        self.said.clear()
        return deploy(self.session, self.deployment, self.extras, lambda _: answer, self.said.append)

    def teardown(self, *, answer: bool = True, delete_data: str = "") -> bool:
        self.said.clear()
        return teardown(
            self.session, self.deployment, lambda _: answer, self.said.append, delete_data=delete_data
        )

    def client(self, service: str) -> Any:
        return self.session.client(service)

    def stacks(self) -> set[str]:
        found = self.client("cloudformation").describe_stacks()["Stacks"]
        return {stack["StackName"] for stack in found if stack["StackStatus"].endswith("_COMPLETE")}

    @property
    def topic(self) -> str:
        (topic,) = self.client("sns").list_topics()["Topics"]
        return str(topic["TopicArn"])


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setattr("include.aws.cloudformation._POLL_SECONDS", 0)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    script = tmp_path / "job.py"
    script.write_text("print('the job')\n")
    with mock_aws():
        teach_all()
        BUCKET_POLICIES.clear()
        session = boto3.Session(region_name=REGION)
        deployment = Deployment(
            name="shop",
            account=session.client("sts").get_caller_identity()["Account"],
            region=REGION,
            overrides={"AlertEmail": "data@example.com"},
        )
        yield Account(session, deployment, Extras(glue_script=script))


@pytest.fixture
def deployed(account: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    """The account with everything deployed; the pipeline's connection leads there, S3 excepted."""
    assert account.deploy()
    _connect(monkeypatch, {})
    return account


def _connect(monkeypatch: pytest.MonkeyPatch, service_config: dict[str, Any]) -> None:
    extra = {"region_name": REGION, "service_config": service_config}
    monkeypatch.setenv(
        f"AIRFLOW_CONN_{CONNECTION_ID.upper()}", json.dumps({"conn_type": "aws", "extra": extra})
    )


def test_deployment_shows_its_plan_and_executes_it(account: Account) -> None:
    assert account.deploy()

    assert account.stacks() == {"shop-data", "shop-access", "shop-monitoring", "shop-glue"}
    plan = account.said[: account.said.index("shop-data: in progress")]
    assert [line for line in plan if not line.startswith(" ")] == [
        f"shop-{stack}: {sum(line.startswith(' ') for line in _below(plan, stack))} changes"
        for stack in ("data", "access", "monitoring", "glue")
    ]
    assert "  Add     AWS::S3::Bucket                   RawStore" in plan
    keys_in_bucket = {
        found["Key"]
        for found in account.client("s3").list_objects_v2(Bucket=account.deployment.artifact_bucket)[
            "Contents"
        ]
    }
    assert {"config/airflow.env", "glue/job.py", "releases/current.zip"} < keys_in_bucket


def _below(plan: list[str], stack: str) -> list[str]:
    """The lines of one stack in a plan."""
    start = next(position for position, line in enumerate(plan) if line.startswith(f"shop-{stack}:")) + 1
    ends = [position for position, line in enumerate(plan) if position >= start and not line.startswith(" ")]
    return plan[start : ends[0] if ends else None]


def test_a_second_deployment_changes_nothing(account: Account) -> None:
    account.deploy()
    events = len(
        account.client("cloudformation").describe_stack_events(StackName="shop-access")["StackEvents"]
    )

    assert account.deploy()

    assert account.said == [f"shop-{stack}: no changes" for stack in ("data", "access", "monitoring", "glue")]
    after = account.client("cloudformation").describe_stack_events(StackName="shop-access")["StackEvents"]
    assert len(after) == events


def test_changed_parameter_updates_only_its_stack(account: Account) -> None:
    account.deploy()
    account.deployment.overrides["WarnRejectRatio"] = "0.01"

    assert account.deploy()

    assert [line for line in account.said if line.endswith("in progress")] == ["shop-monitoring: in progress"]
    (alarm,) = account.client("cloudwatch").describe_alarms(AlarmNames=["shop-reject-ratio"])["MetricAlarms"]
    assert alarm["Threshold"] == 0.01


def test_declined_plan_leaves_nothing(account: Account) -> None:
    assert not account.deploy(answer=False)

    assert account.stacks() == set()
    assert account.client("s3").list_buckets()["Buckets"] == []


def test_every_bucket_is_there_and_takes_only_encrypted_connections(deployed: Account) -> None:
    """Moto passes over a bucket's other properties; tests/project/test_aws_templates.py reads them."""
    s3 = deployed.client("s3")

    assert {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]} == set(deployed.deployment.buckets)
    for bucket in deployed.deployment.buckets:
        assert s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        assert BUCKET_POLICIES[bucket]["Statement"][0]["Resource"] == [
            f"arn:aws:s3:::{bucket}",
            f"arn:aws:s3:::{bucket}/*",
        ]


@pytest.fixture
def instance_account(account: Account) -> Account:
    """An account whose deployment has an instance."""
    ec2 = account.client("ec2")
    (vpc,) = ec2.describe_vpcs()["Vpcs"]
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    account.deployment.overrides.update(VpcId=vpc["VpcId"], SubnetId=subnet)
    account.extras = Extras(is_on_instance=True)
    return account


def test_an_instance_keeps_its_image_when_there_is_a_newer_one(
    instance_account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = instance_account.client("ssm").get_parameter(Name=NEWEST_IMAGE)["Parameter"]["Value"]
    assert instance_account.deploy()
    monkeypatch.setattr("include.aws.deploy.NEWEST_IMAGE", NEWEST_IMAGE.replace("arm64", "x86_64"))

    assert instance_account.deploy()

    assert "shop-instance: no changes" in instance_account.said
    (reservation,) = instance_account.client("ec2").describe_instances()["Reservations"]
    assert [instance["ImageId"] for instance in reservation["Instances"]] == [newest]


def test_an_instance_has_the_workers_rights_and_no_open_port(instance_account: Account) -> None:
    account, ec2 = instance_account, instance_account.client("ec2")

    assert account.deploy()

    (reservation,) = ec2.describe_instances()["Reservations"]
    (instance,) = reservation["Instances"]
    assert instance["IamInstanceProfile"]["Arn"].endswith("instance-profile/shop-worker")
    # Moto's CloudFormation passes over an instance's groups, so the template says which it has.
    template = read_template(account.deployment.template("instance"))["Resources"]
    assert template["Instance"]["Properties"]["SecurityGroupIds"] == [{"Ref": "NoWayIn"}]
    groups = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["shop-instance-*"]}])
    (group,) = groups["SecurityGroups"]
    assert group["IpPermissions"] == []
    attribute = ec2.describe_instance_attribute(InstanceId=instance["InstanceId"], Attribute="userData")
    script = base64.b64decode(attribute["UserData"]["Value"]).decode()
    assert f"s3://{account.deployment.artifact_bucket}/releases/current.zip" in script


def test_alert_reaches_subscribers(deployed: Account) -> None:
    from airflow.providers.amazon.aws.notifications.sns import SnsNotifier

    topic = deployed.topic
    sqs = deployed.client("sqs")
    queue = sqs.create_queue(QueueName="subscriber")["QueueUrl"]
    deployed.client("sns").subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ],
    )

    notifier = SnsNotifier(
        aws_conn_id=CONNECTION_ID, target_arn=topic, subject="Day 2026-11-21", message="The gate is closed."
    )
    notifier.notify({})  # type: ignore[no-untyped-call]  # the provider's

    (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    assert json.loads(message["Body"])["Message"] == "The gate is closed."
    subscriptions = deployed.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert ("email", "data@example.com") in {(each["Protocol"], each["Endpoint"]) for each in subscriptions}


EXTRACTED: Extracted = {
    "day": "2026-11-21",
    "run_id": "run 1",
    "inputs": {
        name: {
            "key": f"s3://raw/{name}.csv",
            "snapshot_key": f"s3://curated/{name}.csv",
            "etag": "1",
            "version_id": None,
            "bytes": 10**9,
        }
        for name in ("customers", "products", "orders")
    },
}


def start_glue_job(settings: Settings) -> dict[str, Any]:
    """Run the transform task until it defers. Returns what its trigger waits for."""
    transform_task = GlueTransform(task_id="transform", extracted=EXTRACTED, region_name=REGION)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Settings, "from_variables", lambda *_: settings)
        with pytest.raises(TaskDeferred) as deferred:
            transform_task.execute({"ti": MagicMock(try_number=1), "task": transform_task})
    assert deferred.value.method_name == "execute_complete"
    return dict(deferred.value.trigger.serialize()[1])


def test_large_day_runs_on_glue_while_the_task_is_deferred(deployed: Account) -> None:
    settings = Settings(glue_min_bytes=3 * 10**9, glue_job="shop-transform")

    waited_for = start_glue_job(settings)

    glue = deployed.client("glue")
    run = glue.get_job_run(JobName="shop-transform", RunId=waited_for["run_id"])["JobRun"]
    assert waited_for["job_name"] == "shop-transform"
    assert json.loads(run["Arguments"]["--extracted"]) == EXTRACTED
    staged = keys.staged(settings.layout, "2026-11-21", "run 1", "")
    assert (run["Arguments"]["--staged"], run["Arguments"]["--result"]) == (
        staged,
        f"{staged}transformed-{digest_inputs(EXTRACTED['inputs'])}.json",
    )
    definition = glue.get_job(JobName="shop-transform")["Job"]
    assert definition["Role"] == deployed.client("iam").get_role(RoleName="shop-glue")["Role"]["Arn"]
    release = definition["DefaultArguments"]["--extra-py-files"]
    bucket, _, key = release.removeprefix("s3://").partition("/")
    assert deployed.client("s3").head_object(Bucket=bucket, Key=key)["ContentLength"] > 1000


def test_glue_result_is_returned_by_the_task(deployed: Account) -> None:
    settings = Settings(layout=deployed.deployment.layout)
    transformed = {"counts": {"rows": {}}, "staged": {"orders.parquet": "s3://curated/orders.parquet"}}

    assert finish_glue_job(deployed, settings, transformed) == transformed


def test_file_error_in_glue_fails_the_task(deployed: Account) -> None:
    settings = Settings(layout=deployed.deployment.layout)

    with pytest.raises(AirflowFailException, match=r"orders\.csv: the file is empty"):
        finish_glue_job(
            deployed, settings, {"error": "orders.csv: the file is empty", "kind": "RawFileError"}
        )


def finish_glue_job(account: Account, settings: Settings, result: dict[str, Any]) -> Any:
    """Go on after the trigger, with a result that the job left."""
    transform_task = GlueTransform(task_id="transform", extracted=EXTRACTED, region_name=REGION)
    bucket, key = S3Hook.parse_s3_url(name_result(settings, EXTRACTED))
    account.client("s3").put_object(Bucket=bucket, Key=key, Body=json.dumps(result))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Settings, "from_variables", lambda *_: settings)
        return transform_task.execute_complete({}, {"status": "success", "run_id": "jr_1"})


def read_catalog(account: Account) -> tuple[list[str], dict[str, str]]:
    """The columns of the table of orders, and where each of its days lies."""
    glue, where = account.client("glue"), {"DatabaseName": "shop_curated"}
    columns = glue.get_table(**where, Name="orders")["Table"]["StorageDescriptor"]["Columns"]
    days = glue.get_partitions(**where, TableName="orders")["Partitions"]
    return [column["Name"] for column in columns], {
        day["Values"][0]: day["StorageDescriptor"]["Location"] for day in days
    }


CONTRACT_COLUMNS = [column.name for column in published_orders()]


@pytest.fixture
def catalog_settings(deployed: Account) -> Settings:
    return Settings(layout=deployed.deployment.layout, catalog_database="shop_curated")


def test_published_days_are_registered_in_the_catalog_however_often(
    deployed: Account, catalog_settings: Settings
) -> None:
    for day in ("2026-11-21", "2026-11-22", "2026-11-21"):
        glue_catalog.register_day(catalog_settings, day)

    place = f"s3://{deployed.deployment.layout.curated_bucket}/orders"
    assert read_catalog(deployed) == (
        CONTRACT_COLUMNS,
        {day: f"{place}/dt={day}/" for day in ("2026-11-21", "2026-11-22")},
    )


def change_columns(account: Account, change: Callable[[list[dict[str, str]]], list[dict[str, str]]]) -> None:
    """As an earlier contract would have left the table."""
    glue = account.client("glue")
    table = glue.get_table(DatabaseName="shop_curated", Name="orders")["Table"]
    storage = {**table["StorageDescriptor"], "Columns": change(table["StorageDescriptor"]["Columns"])}
    whole = {name: table[name] for name in ("Name", "TableType", "Parameters", "PartitionKeys")}
    glue.update_table(DatabaseName="shop_curated", TableInput={**whole, "StorageDescriptor": storage})


def test_a_new_column_is_added_behind_those_that_are_there(
    deployed: Account, catalog_settings: Settings
) -> None:
    glue_catalog.register_day(catalog_settings, "2026-11-21")
    change_columns(deployed, lambda columns: [{"Name": "dropped", "Type": "string"}, *columns[1:]])

    glue_catalog.register_day(catalog_settings, "2026-11-21")

    columns, days = read_catalog(deployed)
    assert columns == ["dropped", *CONTRACT_COLUMNS[1:], CONTRACT_COLUMNS[0]]
    assert list(days) == ["2026-11-21"]


def test_a_column_of_another_type_is_an_error_that_names_it(
    deployed: Account, catalog_settings: Settings
) -> None:
    glue_catalog.register_day(catalog_settings, "2026-11-20")
    change_columns(
        deployed,
        lambda columns: [
            {**each, "Type": "string"} if each["Name"] == "quantity" else each for each in columns
        ],
    )

    with pytest.raises(CatalogError, match="quantity is string there and bigint in the contract"):
        glue_catalog.register_day(catalog_settings, "2026-11-21")


def test_missing_database_is_named(deployed: Account, catalog_settings: Settings) -> None:
    settings = dataclasses.replace(catalog_settings, catalog_database="nowhere")

    with pytest.raises(CatalogError, match="There is no database nowhere"):
        glue_catalog.register_day(settings, "2026-11-21")


def test_without_a_database_nothing_is_asked_of_aws(deployed: Account) -> None:
    glue_catalog.register_day(Settings(), "2026-11-21")

    assert deployed.client("glue").get_tables(DatabaseName="shop_curated")["TableList"] == []


def test_task_logs_arrive_in_their_group(
    deployed: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from airflow.providers.amazon.aws.log.cloudwatch_task_handler import CloudWatchRemoteLogIO

    for name, value in make_environment(deployed.deployment).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AIRFLOW__LOGGING__BASE_LOG_FOLDER", str(tmp_path))
    remote = CloudWatchRemoteLogIO.from_config()
    remote.handler.log_stream_name = "dag_id=ecommerce_etl/task_id=publish"
    remote.handler.handle(
        logging.makeLogRecord({"name": "include", "msg": "Published 2026-11-21", "levelno": logging.INFO})
    )
    remote.close()  # type: ignore[no-untyped-call]  # the provider's

    events = deployed.client("logs").get_log_events(
        logGroupName="/shop/tasks", logStreamName="dag_id=ecommerce_etl/task_id=publish"
    )["events"]
    assert [event["message"] for event in events] == ["Published 2026-11-21"]


def test_a_connection_comes_from_the_secrets_manager(deployed: Account) -> None:
    from airflow.providers.amazon.aws.secrets.secrets_manager import SecretsManagerBackend

    deployed.client("secretsmanager").create_secret(
        Name="shop/connections/warehouse",
        SecretString=json.dumps({"conn_type": "postgres", "host": "db", "login": "etl", "password": "p"}),
    )
    backend = SecretsManagerBackend(connections_prefix="shop/connections", variables_prefix="shop/variables")

    value = backend.get_conn_value("warehouse")

    assert value
    found = json.loads(value)
    assert (found["conn_type"], found["login"]) == ("postgres", "etl")
    assert backend.get_conn_value("missing") is None


@pytest.fixture(scope="module")
def own_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnStore]:
    with run_own_store(tmp_path_factory.mktemp("own-store")) as store:
        create_buckets(store.hook(), Layout())
        yield store


@dataclass
class SlowTask(Task):
    """A run whose transform took two hours."""

    def get_task_breadcrumbs(self, dag_id: str, run_id: str) -> Any:
        return [{"task_id": "transform", "duration": 7200.0}, {"task_id": run_id + dag_id, "duration": 1.0}]


def run_day(store: OwnStore, faulty: int, namespace: str, task: Task) -> None:
    """A day on the real store, reported as the DAG reports it."""
    hook, settings = store.hook(), Settings()
    day = dt.datetime.now(dt.UTC).date().isoformat()
    for dataset, text in complete_day({"orders": make_orders(100 - faulty, faulty)}).items():
        bucket, key = hook.parse_s3_url(keys.raw(settings.layout, day, dataset))
        hook.get_conn().put_object(Bucket=bucket, Key=key, Body=str(text).encode())
    extracted = extract(hook, settings, day, "run 1")
    transformed = transform(hook, settings, extracted)
    try:
        gate = decide_gate(transformed["counts"], GREEN, settings, None)
        validated: Validated = {"quality": GREEN, "gate": gate}
        manifest = publish(hook, settings, extracted, transformed, validated, dt.datetime.now(dt.UTC))
    except GateClosedError:
        bucket, key = hook.parse_s3_url(keys.staged(settings.layout, day, "run 1", "gate.json"))
        gate = json.loads(hook.get_conn().get_object(Bucket=bucket, Key=key)["Body"].read())
        report_failed(namespace, gate, task)
    else:
        send_published(namespace, manifest, task)


def run_watchdog(account: Account, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The function as Lambda runs it: with the environment of the deployed one."""
    configuration = account.client("lambda").get_function_configuration(FunctionName="shop-watchdog")
    assert configuration["Handler"] == "include.aws.watchdog.handle"
    for name, value in configuration["Environment"]["Variables"].items():
        monkeypatch.setenv(name, str(value))
    return watchdog.handle({}, None)


def find_tripped(account: Account) -> set[str]:
    """The alarms whose newest value is beyond their threshold, by the rule that CloudWatch applies."""
    cloudwatch = account.client("cloudwatch")
    tripped = set()
    for alarm in cloudwatch.describe_alarms()["MetricAlarms"]:
        now = dt.datetime.now(dt.UTC)
        found = cloudwatch.get_metric_statistics(
            Namespace=alarm["Namespace"],
            MetricName=alarm["MetricName"],
            Dimensions=alarm["Dimensions"],
            Statistics=[alarm["Statistic"]],
            Period=alarm["Period"],
            StartTime=now - dt.timedelta(seconds=alarm["Period"]),
            EndTime=now + dt.timedelta(seconds=60),
        )["Datapoints"]
        is_beyond = COMPARISONS[alarm["ComparisonOperator"]]
        if any(is_beyond(each[alarm["Statistic"]], alarm["Threshold"]) for each in found):
            tripped.add(alarm["AlarmName"])
    return tripped


ALARMS = {
    "shop-no-day-published": "DeadlineMissed",
    "shop-newest-day-too-old": "NewestDayAgeHours",
    "shop-run-failed": "RunFailed",
    "shop-reject-ratio": "HighestRejectRatio",
    "shop-run-too-long": "RunDuration",
}
#: Fed by Lambda itself when the function raises.
WATCHDOG_ALARM = {"shop-watchdog-error": "Errors"}


def test_failed_day_triggers_every_alarm(
    deployed: Account, own_store: OwnStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    _connect(monkeypatch, {"s3": {"endpoint_url": own_store.owner.extra["endpoint_url"]}})

    run_day(own_store, faulty=20, namespace=deployed.deployment.metrics_namespace, task=SlowTask())
    assert run_watchdog(deployed, monkeypatch) == {"newest_day": None, "is_deadline_missed": True}

    alarms = deployed.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert {alarm["AlarmName"]: alarm["MetricName"] for alarm in alarms} == ALARMS | WATCHDOG_ALARM
    actions = {alarm["AlarmName"]: alarm["AlarmActions"] for alarm in alarms}
    # The failed run itself tells the topic.
    assert actions.pop("shop-run-failed") == []
    assert {name: found for name, found in actions.items() if found != [deployed.topic]} == {}
    assert find_tripped(deployed) == set(ALARMS)


def test_good_day_triggers_no_alarm(
    deployed: Account, own_store: OwnStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    _connect(monkeypatch, {"s3": {"endpoint_url": own_store.owner.extra["endpoint_url"]}})
    layout, today = deployed.deployment.layout, dt.datetime.now(dt.UTC).date().isoformat()
    bucket, _, key = keys.manifest(layout, today).removeprefix("s3://").partition("/")
    deployed.client("s3").put_object(Bucket=bucket, Key=key, Body=b"{}")

    run_day(own_store, faulty=1, namespace=deployed.deployment.metrics_namespace, task=Task())
    assert run_watchdog(deployed, monkeypatch) == {"newest_day": today, "is_deadline_missed": False}

    assert find_tripped(deployed) == set()
    sent = {metric["MetricName"] for metric in deployed.client("cloudwatch").list_metrics()["Metrics"]}
    assert {"DayPublished", "Revenue", "RowsPublished", "NewestDayAgeHours"} <= sent


def test_the_pipeline_may_send_metrics_to_its_own_namespace_only(deployed: Account) -> None:
    iam = deployed.client("iam")
    (arn,) = [
        each["Arn"]
        for each in iam.list_policies(Scope="Local")["Policies"]
        if each["PolicyName"].startswith("shop-access-WorkerServicesPolicy")
    ]
    statements = _read_policy(iam, arn)["Statement"]

    (metrics,) = [each for each in statements if each["Action"] == ["cloudwatch:PutMetricData"]]
    assert metrics["Condition"] == {"StringEquals": {"cloudwatch:namespace": ["shop/pipeline"]}}
    (alert,) = [each for each in statements if each["Sid"] == "Alert"]
    assert alert["Resource"] == [deployed.topic]


def _read_policy(iam: Any, arn: str) -> dict[str, Any]:
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    document: dict[str, Any] = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"][
        "Document"
    ]
    return document


def test_a_teardown_keeps_the_data_and_a_later_deployment_finds_it(deployed: Account) -> None:
    s3, bucket = deployed.client("s3"), deployed.deployment.layout.curated_bucket
    s3.put_object(Bucket=bucket, Key="orders/dt=2026-11-21/orders.parquet", Body=b"x")

    assert deployed.teardown()

    assert deployed.stacks() == {"shop-data"}
    assert f"keep {bucket}" in deployed.said
    assert deployed.client("cloudwatch").describe_alarms()["MetricAlarms"] == []
    assert deployed.deploy()
    assert s3.head_object(Bucket=bucket, Key="orders/dt=2026-11-21/orders.parquet")["ContentLength"] == 1


def test_data_is_deleted_only_by_its_name(deployed: Account) -> None:
    s3, bucket = deployed.client("s3"), deployed.deployment.layout.curated_bucket
    # moto's CloudFormation does not switch it on.
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"first", b"second"):
        s3.put_object(Bucket=bucket, Key="manifests/dt=2026-11-21.json", Body=body)

    with pytest.raises(DataKeptError, match="is not the name of this deployment, shop"):
        deployed.teardown(delete_data="yes")
    assert not deployed.teardown(answer=False, delete_data="shop")
    assert len(deployed.stacks()) == len(STACKS) - 1

    assert deployed.teardown(delete_data="shop")

    assert f"{bucket}: 2 versions deleted" in deployed.said
    assert s3.list_buckets()["Buckets"] == []
    assert deployed.stacks() == set()
    assert deployed.deploy()
