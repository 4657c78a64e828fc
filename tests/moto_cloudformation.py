"""Teaches moto's CloudFormation the resource types of our templates that it passes over.

Each type hands its properties to the service's own API, so that moto checks and keeps them there; a property
that the API does not know fails the test.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import boto3
from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel

Json = dict[str, Any]
Create = Callable[[Json, str], str]
Delete = Callable[[str, str], Any]


class ApiResource:
    """A resource that was made through an API. `physical_resource_id` is what `Ref` gives."""

    def __init__(self, resource_type: str, physical_resource_id: str, attributes: Json) -> None:
        self.type = resource_type
        self.physical_resource_id = physical_resource_id
        self._attributes = attributes

    def get_cfn_attribute(self, name: str) -> Any:
        return self._attributes[name]

    @property
    def is_created(self) -> bool:
        return True


def teach(resource_type: str, create: Create, delete: Delete) -> None:
    """Register a type. `create` takes the properties and the region and returns the physical id."""

    def make(
        _cls: Any, /, _name: str, template: Json, account_id: str, region_name: str, **_: Any
    ) -> ApiResource:
        identity = create(template["Properties"], region_name)
        arn = f"arn:aws:cloudwatch:{region_name}:{account_id}:alarm:{identity}"
        return ApiResource(resource_type, identity, {"Arn": arn})

    def remake(
        cls: Any, original_resource: ApiResource, new_resource_name: str, *args: Any, **kwargs: Any
    ) -> Any:
        delete(original_resource.physical_resource_id, "us-east-1")
        return make(
            cls,
            new_resource_name,
            kwargs["cloudformation_json"],
            kwargs["account_id"],
            kwargs["region_name"],
        )

    type(
        resource_type.replace("::", ""),
        (CloudFormationModel,),
        {
            "cloudformation_name_type": staticmethod(lambda: ""),
            "cloudformation_type": staticmethod(lambda: resource_type),
            "has_cfn_attr": classmethod(lambda _cls, attr: attr == "Arn"),
            "create_from_cloudformation_json": classmethod(make),
            "update_from_cloudformation_json": classmethod(remake),
            "delete_from_cloudformation_json": classmethod(
                lambda _cls, name, _template, _account, region: delete(name, region)
            ),
        },
    )


def create_alarm(properties: Json, region: str) -> str:
    boto3.client("cloudwatch", region_name=region).put_metric_alarm(**_numbers(properties))
    return str(properties["AlarmName"])


def _numbers(properties: Json) -> Json:
    """Parameters are text to moto; CloudFormation converts them."""
    kinds = {"Threshold": float, "Period": int, "EvaluationPeriods": int}
    return {key: kinds.get(key, lambda same: same)(value) for key, value in properties.items()}


#: moto's S3 knows no conditions: a policy that denies connections without TLS would deny everything.
BUCKET_POLICIES: dict[str, Json] = {}


def create_bucket_policy(properties: Json, _region: str) -> str:
    BUCKET_POLICIES[properties["Bucket"]] = properties["PolicyDocument"]
    return str(properties["Bucket"])


def create_database(properties: Json, region: str) -> str:
    boto3.client("glue", region_name=region).create_database(**properties)
    return str(properties["DatabaseInput"]["Name"])


def create_table(properties: Json, region: str) -> str:
    boto3.client("glue", region_name=region).create_table(**properties)
    return f"{properties['DatabaseName']}.{properties['TableInput']['Name']}"


def delete_table(name: str, region: str) -> None:
    """Moto deletes the database first, and its tables with it."""
    database, _, table = name.partition(".")
    glue = boto3.client("glue", region_name=region)
    with suppress(glue.exceptions.EntityNotFoundException):
        glue.delete_table(DatabaseName=database, Name=table)


def create_job(properties: Json, region: str) -> str:
    whole = {key: int(properties[key]) for key in ("NumberOfWorkers", "Timeout")}
    return str(boto3.client("glue", region_name=region).create_job(**{**properties, **whole})["Name"])


def create_subscription(properties: Json, region: str) -> str:
    made = boto3.client("sns", region_name=region).subscribe(**properties, ReturnSubscriptionArn=True)
    return str(made["SubscriptionArn"])


def create_topic_policy(properties: Json, region: str) -> str:
    for topic in properties["Topics"]:
        boto3.client("sns", region_name=region).set_topic_attributes(
            TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(properties["PolicyDocument"])
        )
    return f"policy-of-{properties['Topics'][0]}"


def create_budget(properties: Json, region: str) -> str:
    limit = {
        **properties["Budget"]["BudgetLimit"],
        "Amount": str(properties["Budget"]["BudgetLimit"]["Amount"]),
    }
    boto3.client("budgets", region_name=region).create_budget(
        AccountId=_account(),
        Budget={**properties["Budget"], "BudgetLimit": limit},
        NotificationsWithSubscribers=properties["NotificationsWithSubscribers"],
    )
    return str(properties["Budget"]["BudgetName"])


def _account() -> str:
    return str(boto3.client("sts", region_name="us-east-1").get_caller_identity()["Account"])


def _client(service: str, region: str) -> Any:
    return boto3.client(service, region_name=region)


def teach_to_retain() -> None:
    """Moto knows `Retain` alone; what a first deployment makes is kept as well once it has succeeded."""
    delete = parsing.ResourceMap.delete

    def delete_what_is_not_retained(self: parsing.ResourceMap) -> None:
        for resource in self._resource_json_map.values():
            if resource.get("DeletionPolicy") == "RetainExceptOnCreate":
                resource["DeletionPolicy"] = "Retain"
        delete(self)

    parsing.ResourceMap.delete = delete_what_is_not_retained  # type: ignore[method-assign]


def teach_all() -> None:
    """Register every type once."""
    if "AWS::CloudWatch::Alarm" in parsing.get_model_map():
        return
    teach_to_retain()
    teach(
        "AWS::CloudWatch::Alarm",
        create_alarm,
        lambda name, region: _client("cloudwatch", region).delete_alarms(AlarmNames=[name]),
    )
    teach(
        "AWS::S3::BucketPolicy",
        create_bucket_policy,
        lambda name, _region: BUCKET_POLICIES.pop(name),
    )
    teach(
        "AWS::Glue::Database",
        create_database,
        lambda name, region: _client("glue", region).delete_database(Name=name),
    )
    teach("AWS::Glue::Table", create_table, delete_table)
    teach(
        "AWS::Glue::Job",
        create_job,
        lambda name, region: _client("glue", region).delete_job(JobName=name),
    )
    teach(
        "AWS::SNS::Subscription",
        create_subscription,
        lambda arn, region: _client("sns", region).unsubscribe(SubscriptionArn=arn),
    )
    teach("AWS::SNS::TopicPolicy", create_topic_policy, lambda _name, _region: None)
    teach(
        "AWS::Budgets::Budget",
        create_budget,
        lambda name, region: _client("budgets", region).delete_budget(AccountId=_account(), BudgetName=name),
    )
    for remembered in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
        remembered.cache_clear()
