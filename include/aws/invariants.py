"""Security rules for every template, generated or written by hand.

A resource type, service or principal that no rule covers is a violation, too: decide about it here first.
"""

from collections.abc import Callable, Iterator
from typing import Any

Json = dict[str, Any]

#: Resource types without policies, network access or stored data.
HARMLESS = {
    "AWS::Budgets::Budget",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::Events::Rule",
    "AWS::Glue::Database",
    "AWS::Glue::Job",
    "AWS::IAM::InstanceProfile",
    "AWS::Lambda::Function",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
}
#: Services that roles may use. IAM, STS and EC2 are deliberately missing.
SERVICES = {
    "airflow",
    "cloudwatch",
    "ec2messages",
    "glue",
    "kms",
    "logs",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "ssmmessages",
}
#: Wildcard actions that the MWAA user guide requires.
WILDCARD_ACTIONS = {"s3:GetObject*", "s3:GetBucket*", "s3:List*", "kms:GenerateDataKey*"}
#: Actions that do not support resources; the value is the required condition key, if there is one.
WITHOUT_RESOURCE = {
    "cloudwatch:PutMetricData": "cloudwatch:namespace",
    "ec2messages": "",
    "kms": "kms:ViaService",
    "logs:DescribeLogGroups": "",
    "s3:GetAccountPublicAccessBlock": "",
    "ssm:UpdateInstanceInformation": "",
    "ssmmessages": "",
}
ROLE_SERVICES = {
    "airflow-env.amazonaws.com",
    "airflow.amazonaws.com",
    "ec2.amazonaws.com",
    "glue.amazonaws.com",
    "lambda.amazonaws.com",
}
#: These services do not support a source account; passing a role to them needs permissions in this account.
NEEDS_NO_SOURCE = {"ec2.amazonaws.com", "lambda.amazonaws.com"}
EGRESS_PORTS = {443, 465, 587}


def find_violations(template: Json) -> Iterator[str]:
    """Each violation as `resource: fault`."""
    resources = template["Resources"]
    for name, resource in resources.items():
        check = CHECKS.get(resource["Type"])
        if check:
            faults = check(resource.get("Properties", {}))
        elif resource["Type"] in HARMLESS:
            faults = iter(())
        else:
            faults = iter([f"no rule covers the type {resource['Type']}"])
        for fault in [*faults, *check_connections(name, resources), *check_kept(resource)]:
            yield f"{name}: {fault}"


def check_bucket(properties: Json) -> Iterator[str]:
    blocks = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    public = properties.get("PublicAccessBlockConfiguration", {})
    ownership = properties.get("OwnershipControls", {}).get("Rules", [])
    if not properties.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration"):
        yield "the bucket is not encrypted"
    if properties.get("VersioningConfiguration") != {"Status": "Enabled"}:
        yield "the bucket keeps no versions"
    if not all(public.get(block) is True for block in blocks):
        yield "public access is not blocked"
    if ownership != [{"ObjectOwnership": "BucketOwnerEnforced"}]:
        yield "access control lists are not switched off"


def check_kept(resource: Json) -> Iterator[str]:
    """Buckets must be retained when their stack is deleted."""
    policies = [resource.get(name, "") for name in ("DeletionPolicy", "UpdateReplacePolicy")]
    if resource["Type"] == "AWS::S3::Bucket" and not all("Retain" in policy for policy in policies):
        yield "deleting the stack would delete the data"


def check_connections(name: str, resources: Json) -> Iterator[str]:
    """A bucket or topic must have a policy that denies connections without TLS."""
    policy_type, link = CONNECTION_POLICIES.get(resources[name]["Type"], ("", ""))
    denied = [
        statement
        for other in resources.values()
        if other["Type"] == policy_type and {"Ref": name} in as_list(other["Properties"][link])
        for statement in read_statements(other["Properties"]["PolicyDocument"])
        if statement["Effect"] == "Deny"
        and statement["Principal"] == "*"
        and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
    ]
    if policy_type and not denied:
        yield "connections without TLS are not denied"


def check_policy_resource(properties: Json) -> Iterator[str]:
    return check_resource_policy(properties["PolicyDocument"])


def check_resource_policy(document: Json) -> Iterator[str]:
    for statement in read_statements(document):
        yield from check_statement_form(statement)
        if statement["Effect"] == "Allow":
            yield from check_principal(statement)


def check_role(properties: Json) -> Iterator[str]:
    for statement in read_statements(properties["AssumeRolePolicyDocument"]):
        yield from check_statement_form(statement)
        yield from check_principal(statement, ROLE_SERVICES)
        if set(as_list(statement["Action"])) != {"sts:AssumeRole"}:
            yield f"the trust policy allows {statement['Action']}"
    for policy in properties.get("Policies", []):
        yield from check_identity_policy(policy["PolicyDocument"])
    for attached in unfold(properties.get("ManagedPolicyArns", [])):
        if not (isinstance(attached, dict) and "Ref" in attached):
            yield f"the attached policy {attached} is not one of this template"


def check_principal(statement: Json, services: set[str] | None = None) -> Iterator[str]:
    """Only named identities, and services on behalf of this account, may be trusted."""
    principal = statement.get("Principal")
    if not isinstance(principal, dict):
        yield f"{label(statement)} allows everybody ({principal})"
        return
    for identity in as_list(principal.get("AWS", [])):
        if "*" in str(identity):
            yield f"{label(statement)} allows everybody ({identity})"
    if unknown := principal.keys() - {"AWS", "Service"}:
        yield f"{label(statement)} allows principals of the kind {', '.join(sorted(unknown))}"
    for service in as_list(principal.get("Service", [])):
        if services is not None and service not in services:
            yield f"{label(statement)} trusts {service}"
        if service not in NEEDS_NO_SOURCE and "aws:SourceAccount" not in condition_keys(statement):
            yield f"{label(statement)} trusts {service} without a source account"


def check_managed_policy(properties: Json) -> Iterator[str]:
    return check_identity_policy(properties["PolicyDocument"])


def check_identity_policy(document: Json) -> Iterator[str]:
    for statement in read_statements(document):
        yield from check_statement_form(statement)
        if statement["Effect"] == "Allow":
            yield from check_actions(statement)
            yield from check_resources(statement)


def check_statement_form(statement: Json) -> Iterator[str]:
    if negated := statement.keys() & {"NotAction", "NotPrincipal", "NotResource"}:
        yield f"{label(statement)} allows everything but its exceptions ({', '.join(negated)})"
    if statement["Effect"] not in {"Allow", "Deny"}:
        yield f"{label(statement)} has the effect {statement['Effect']}"


def check_actions(statement: Json) -> Iterator[str]:
    for action in as_list(statement.get("Action", [])):
        if "*" in action and action not in WILDCARD_ACTIONS:
            yield f"{label(statement)} allows {action}"
        elif action.partition(":")[0] not in SERVICES:
            yield f"{label(statement)} allows {action}: no role needs this service"


def check_resources(statement: Json) -> Iterator[str]:
    for resource in as_list(statement.get("Resource", [])):
        text = resource.get("Fn::Sub", "") if isinstance(resource, dict) else resource
        if text == "*":
            yield from check_all_resources(statement)
        elif ":s3:::" in text and not text.partition(":s3:::")[2].startswith("${"):
            yield f"{label(statement)} reaches a bucket that is not one of the deployment's ({text})"
        elif text.startswith("arn:") and text.count("*") and ":" not in text.partition("*")[0][8:]:
            yield f"{label(statement)} reaches everything of a service ({text})"


def check_all_resources(statement: Json) -> Iterator[str]:
    for action in as_list(statement["Action"]):
        needed = WITHOUT_RESOURCE.get(action, WITHOUT_RESOURCE.get(action.partition(":")[0]))
        if needed is None:
            yield f"{label(statement)} allows {action} on all resources"
        elif needed and needed not in condition_keys(statement):
            yield f"{label(statement)} allows {action} without the condition {needed}"


def check_instance(properties: Json) -> Iterator[str]:
    metadata = properties.get("MetadataOptions", {})
    if metadata.get("HttpTokens") != "required":
        yield "the metadata service answers without a token (IMDSv1)"
    if metadata.get("HttpPutResponseHopLimit") != 1:
        yield "containers reach the metadata service"
    devices = properties.get("BlockDeviceMappings", [])
    if not devices or not all(device.get("Ebs", {}).get("Encrypted") is True for device in devices):
        yield "a disk is not encrypted"


def check_security_group(properties: Json) -> Iterator[str]:
    if properties.get("SecurityGroupIngress"):
        yield "incoming connections are allowed"
    egress = properties.get("SecurityGroupEgress", [])
    ports = {(rule.get("IpProtocol"), rule.get("FromPort"), rule.get("ToPort")) for rule in egress}
    # A group without rules for outgoing connections allows all of them.
    if not ports or not ports <= {("tcp", port, port) for port in EGRESS_PORTS}:
        yield "outgoing connections to undocumented ports are allowed"


def check_volume(properties: Json) -> Iterator[str]:
    if properties.get("Encrypted") is not True:
        yield "the volume is not encrypted"


def check_invocation(properties: Json) -> Iterator[str]:
    if not {"SourceArn", "SourceAccount"} & properties.keys():
        yield "anybody's events may invoke the function: SourceArn is missing"


def check_log_group(properties: Json) -> Iterator[str]:
    if not properties.get("RetentionInDays"):
        yield "logs are kept forever"


def read_statements(document: Json) -> list[Json]:
    """All statements, under any conditions of the template."""
    return [each for each in unfold(document["Statement"]) if "Ref" not in each]


def unfold(value: Any) -> list[Any]:
    """The items of a list, including both branches of each `Fn::If`."""
    items: list[Any] = []
    for each in as_list(value):
        if isinstance(each, dict) and "Fn::If" in each:
            items += unfold(each["Fn::If"][1:])
        elif each != {"Ref": "AWS::NoValue"}:
            items.append(each)
    return items


def condition_keys(statement: Json) -> set[str]:
    """Condition keys that restrict a statement; negated operators do not count."""
    operators = ("StringEquals", "StringLike", "ArnEquals", "ArnLike")
    condition = statement.get("Condition", {})
    return {key for operator in operators for key in condition.get(operator, {})}


def label(statement: Json) -> str:
    return f"statement {statement.get('Sid', 'without a name')}"


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


CONNECTION_POLICIES = {
    "AWS::S3::Bucket": ("AWS::S3::BucketPolicy", "Bucket"),
    "AWS::SNS::Topic": ("AWS::SNS::TopicPolicy", "Topics"),
}
CHECKS: dict[str, Callable[[Json], Iterator[str]]] = {
    "AWS::EC2::Instance": check_instance,
    "AWS::EC2::SecurityGroup": check_security_group,
    "AWS::EC2::Volume": check_volume,
    "AWS::IAM::ManagedPolicy": check_managed_policy,
    "AWS::IAM::Role": check_role,
    "AWS::Lambda::Permission": check_invocation,
    "AWS::Logs::LogGroup": check_log_group,
    "AWS::S3::Bucket": check_bucket,
    "AWS::S3::BucketPolicy": check_policy_resource,
    "AWS::SNS::TopicPolicy": check_policy_resource,
    "AWS::SQS::QueuePolicy": check_policy_resource,
}
