"""The access template: a role for each identity of `policies.py`, and who may assume it.

It is generated when it is validated or deployed, not kept as a file.
"""

from typing import Any

import yaml

from include.aws import policies
from include.aws.policies import Place, Policy
from include.keys import Layout

Json = dict[str, Any]

#: A layout with parameters for buckets.
LAYOUT = Layout(
    raw_bucket="${RawBucket}", curated_bucket="${CuratedBucket}", quality_bucket="${QualityBucket}"
)

PARAMETERS = {
    "Name": "The name of the deployment, prefix of all names.",
    "RawBucket": "The bucket for raw files.",
    "CuratedBucket": "The bucket for snapshots, staged objects and published tables.",
    "QualityBucket": "The bucket of the data-quality site.",
    "ArtifactBucket": "The bucket for releases, settings and task logs.",
    "MetricsNamespace": "The CloudWatch namespace of the pipeline's metrics.",
}
#: Optional: identities that may assume the workers' role, in addition to the account's own instances.
TRUST_PARAMETERS = {
    "WorkerPrincipal": "ARN of a role that may assume the workers' role, such as an Astro deployment's.",
    "MwaaEnvironment": "Name of the MWAA environment that uses the workers' role as its execution role.",
}
#: Identities of the account with this tag may assume the role `producer` or `docs-reader`.
ROLE_TAG = "aws:PrincipalTag/ecommerce-etl-role"


def build_access(layout: Layout = LAYOUT, place: Place | None = None) -> str:
    """The template as YAML; it depends on the prefixes of the layout."""
    place = place or Place()
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Who may do what in the e-commerce pipeline",
        "Parameters": make_parameters(),
        "Conditions": {
            f"Has{name}": {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, ""]}]} for name in TRUST_PARAMETERS
        },
        "Resources": make_resources(layout, place),
        "Outputs": make_outputs(),
    }
    text: str = yaml.dump(substitute(template), Dumper=_Dumper, sort_keys=False, width=110)
    return text


def make_parameters() -> Json:
    return {
        **{name: {"Type": "String", "Description": text} for name, text in PARAMETERS.items()},
        **{
            name: {"Type": "String", "Default": "", "Description": text}
            for name, text in TRUST_PARAMETERS.items()
        },
    }


def make_resources(layout: Layout, place: Place) -> Json:
    return {
        "AgentPolicy": make_policy("Systems Manager's agent, for sessions only", agent_policy()),
        "WorkerDataPolicy": make_policy(
            "S3, as the pipeline's tasks need it", policies.worker_data(layout, place)
        ),
        "WorkerServicesPolicy": make_policy(
            "Alerts, metrics, secrets, logs and Glue", policies.worker_services(place)
        ),
        "GlueJobPolicy": make_policy("The Spark job", policies.glue_job(layout, place)),
        "ProducerPolicy": make_policy("Delivers raw files", policies.producer(layout, place)),
        "DocsReaderPolicy": make_policy("Reads the data-quality site", policies.docs_reader(layout, place)),
        "WatchdogPolicy": make_policy("Looks for the newest manifest", policies.watchdog(layout, place)),
        "MwaaPolicy": {
            **make_policy("What MWAA asks of an execution role", mwaa_policy(place)),
            "Condition": "HasMwaaEnvironment",
        },
        "WorkerRole": make_worker_role(place),
        "GlueJobRole": make_role(place, "glue", trust_service(place, "glue.amazonaws.com"), "GlueJobPolicy"),
        "ProducerRole": make_role(place, "producer", trust_tagged(place, "producer"), "ProducerPolicy"),
        "DocsReaderRole": make_role(
            place, "docs-reader", trust_tagged(place, "docs-reader"), "DocsReaderPolicy"
        ),
        "WatchdogRole": make_role(
            place, "watchdog", trust({"Service": "lambda.amazonaws.com"}), "WatchdogPolicy"
        ),
        "WorkerInstanceProfile": {
            "Type": "AWS::IAM::InstanceProfile",
            "Properties": {"InstanceProfileName": f"{place.name}-worker", "Roles": [{"Ref": "WorkerRole"}]},
        },
    }


def make_outputs() -> Json:
    roles = ("WorkerRole", "GlueJobRole", "ProducerRole", "DocsReaderRole", "WatchdogRole")
    return {
        **{f"{role}Arn": {"Value": {"Fn::GetAtt": [role, "Arn"]}} for role in roles},
        "WorkerInstanceProfileName": {"Value": {"Ref": "WorkerInstanceProfile"}},
    }


def make_policy(description: str, document: Policy) -> Json:
    return {
        "Type": "AWS::IAM::ManagedPolicy",
        "Properties": {"Description": description, "PolicyDocument": document},
    }


def make_role(place: Place, suffix: str, trust_policy: Policy, *policy_names: str) -> Json:
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": f"{place.name}-{suffix}",
            "AssumeRolePolicyDocument": trust_policy,
            "ManagedPolicyArns": [{"Ref": name} for name in policy_names],
        },
    }


def make_worker_role(place: Place) -> Json:
    """The workers' role, for an instance, a named role, or an MWAA environment."""
    role = make_role(place, "worker", trust({"Service": "ec2.amazonaws.com"}), "WorkerDataPolicy")
    statements = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    statements.append(when("HasWorkerPrincipal", trust({"AWS": {"Ref": "WorkerPrincipal"}})["Statement"][0]))
    statements.append(when("HasMwaaEnvironment", trust_mwaa(place)["Statement"][0]))
    role["Properties"]["ManagedPolicyArns"] += [
        {"Ref": "WorkerServicesPolicy"},
        {"Ref": "AgentPolicy"},
        when("HasMwaaEnvironment", {"Ref": "MwaaPolicy"}),
    ]
    return role


def mwaa_policy(place: Place) -> Policy:
    """The additional permissions of an MWAA execution role, from the MWAA user guide."""
    environment = "${MwaaEnvironment}"
    via = {"StringLike": {"kms:ViaService": f"sqs.{place.region}.amazonaws.com"}}
    queue = f"arn:{place.partition}:sqs:{place.region}:*:airflow-celery-*"
    return policies.policy(
        policies.allow(
            "ReportHealth", ["airflow:PublishMetrics"], place.arn("airflow", f"environment/{environment}")
        ),
        policies.allow(
            "ReadCode",
            ["s3:GetObject*", "s3:GetBucket*", "s3:List*"],
            place.bucket_arn(place.artifact_bucket),
            place.object_arn(f"s3://{place.artifact_bucket}/*"),
        ),
        policies.allow("CheckPublicAccess", ["s3:GetAccountPublicAccessBlock"], "*"),
        policies.allow(
            "WriteLogs",
            [
                "logs:CreateLogStream",
                "logs:CreateLogGroup",
                "logs:PutLogEvents",
                "logs:GetLogEvents",
                "logs:GetLogRecord",
                "logs:GetLogGroupFields",
                "logs:GetQueryResults",
            ],
            place.arn("logs", f"log-group:airflow-{environment}-*"),
        ),
        {
            **policies.allow("SendHealthMetrics", ["cloudwatch:PutMetricData"], "*"),
            "Condition": {"StringEquals": {"cloudwatch:namespace": ["AmazonMWAA", "AWS/MWAA"]}},
        },
        policies.allow(
            "UseQueues",
            [
                "sqs:ChangeMessageVisibility",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:GetQueueUrl",
                "sqs:ReceiveMessage",
                "sqs:SendMessage",
            ],
            queue,
        ),
        {
            **policies.allow(
                "ReadQueues", ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*", "kms:Encrypt"], "*"
            ),
            "Condition": via,
        },
    )


def agent_policy() -> Policy:
    """Sessions through Systems Manager, which replace SSH and its open port.

    Amazon's own policy for the agent also reads every parameter of the account.
    """
    channels = ["Create{}Channel", "Open{}Channel"]
    return policies.policy(
        policies.allow("Register", ["ssm:UpdateInstanceInformation"], "*"),
        policies.allow(
            "OpenSessions",
            [f"ssmmessages:{each.format(kind)}" for kind in ("Control", "Data") for each in channels],
            "*",
        ),
    )


def trust(principal: Json, condition: Json | None = None) -> Policy:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return policies.policy(statement | ({"Condition": condition} if condition else {}))


def trust_service(place: Place, *services: str) -> Policy:
    """Trust services that act for this account."""
    return trust({"Service": list(services)}, {"StringEquals": {"aws:SourceAccount": place.account}})


def trust_mwaa(place: Place) -> Policy:
    environment = place.arn("airflow", "environment/${MwaaEnvironment}")
    return trust(
        {"Service": ["airflow.amazonaws.com", "airflow-env.amazonaws.com"]},
        {
            "StringEquals": {"aws:SourceAccount": place.account},
            "ArnLike": {"aws:SourceArn": environment},
        },
    )


def trust_tagged(place: Place, role: str) -> Policy:
    """Trust identities of the account that have the tag."""
    return trust({"AWS": place_root(place)}, {"StringEquals": {ROLE_TAG: role}})


def place_root(place: Place) -> str:
    return f"arn:{place.partition}:iam::{place.account}:root"


def when(condition: str, value: Any) -> Json:
    return {"Fn::If": [condition, value, {"Ref": "AWS::NoValue"}]}


def substitute(value: Any) -> Any:
    """Wrap every text with a `${…}` in `Fn::Sub`."""
    if isinstance(value, dict):
        return {key: substitute(each) for key, each in value.items()}
    if isinstance(value, list):
        return [substitute(each) for each in value]
    return {"Fn::Sub": value} if isinstance(value, str) and "${" in value else value


class _Dumper(yaml.SafeDumper):
    """Writes no aliases, which are hard to read."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True
