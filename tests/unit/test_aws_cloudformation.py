"""Change sets as AWS answers, where moto answers otherwise."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from include.aws.cloudformation import Change, CloudFormation, read_template
from include.aws.errors import StackFailedError

TEMPLATE = "Parameters: {Name: {Type: String}, Days: {Type: Number}, Mail: {Type: String, Default: ''}}"
STACK = {
    "StackName": "shop-data",
    "StackId": "id",
    "StackStatus": "CREATE_COMPLETE",
    "Parameters": [{"ParameterKey": "Days", "ParameterValue": "7"}],
}


class Client:
    """CloudFormation with one stack and one answer to a plan."""

    def __init__(self, stacks: list[dict[str, Any]], change_set: dict[str, Any]) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._stacks = stacks
        self._change_set = change_set

    def describe_stacks(self, **_: Any) -> dict[str, Any]:
        if not self._stacks:
            raise ClientError(
                {"Error": {"Code": "ValidationError", "Message": "does not exist"}}, "DescribeStacks"
            )
        return {"Stacks": [self._stacks.pop(0) if len(self._stacks) > 1 else self._stacks[0]]}

    def describe_change_set(self, **_: Any) -> dict[str, Any]:
        return self._change_set

    def describe_stack_events(self, **_: Any) -> dict[str, Any]:
        failed = {
            "LogicalResourceId": "Watchdog",
            "ResourceStatus": "CREATE_FAILED",
            "ResourceStatusReason": "no such key",
        }
        return {"StackEvents": [{"LogicalResourceId": "shop", "ResourceStatus": "ROLLBACK_COMPLETE"}, failed]}

    def __getattr__(self, name: str) -> Any:
        return lambda **call: self.calls.append((name, call))

    def call(self, name: str) -> dict[str, Any]:
        (found,) = [call for called, call in self.calls if called == name]
        return found


def formation(client: Client) -> CloudFormation:
    return CloudFormation(client, poll_seconds=0)


READY = {
    "Status": "CREATE_COMPLETE",
    "Changes": [
        {
            "ResourceChange": {
                "Action": "Modify",
                "LogicalResourceId": "Budget",
                "ResourceType": "AWS::Budgets::Budget",
                "Replacement": "True",
            }
        }
    ],
}


def test_plan_of_a_new_stack_passes_its_parameters_only() -> None:
    client = Client([], READY)

    plan = formation(client).plan("shop-data", TEMPLATE, {"Name": "shop", "Other": "x"})

    call = client.call("create_change_set")
    assert call["ChangeSetType"] == "CREATE"
    assert call["Parameters"] == [{"ParameterKey": "Name", "ParameterValue": "shop"}]
    assert (plan.is_new_stack, plan.is_needed) == (True, True)
    assert plan.changes == (
        Change(
            action="Modify", logical_id="Budget", resource_type="AWS::Budgets::Budget", replacement="True"
        ),
    )


def test_omitted_parameter_keeps_its_value() -> None:
    client = Client([STACK], READY)

    formation(client).plan("shop-data", TEMPLATE, {"Name": "shop"})

    call = client.call("create_change_set")
    assert call["ChangeSetType"] == "UPDATE"
    assert {"ParameterKey": "Days", "UsePreviousValue": True} in call["Parameters"]


def test_plan_without_changes_is_deleted() -> None:
    reason = "The submitted information didn't contain changes. Submit different information."
    client = Client([STACK], {"Status": "FAILED", "StatusReason": reason})

    plan = formation(client).plan("shop-data", TEMPLATE, {})

    assert (plan.is_needed, plan.changes) == (False, ())
    assert client.call("delete_change_set")["ChangeSetName"] == plan.name


def test_a_plan_that_changes_outputs_alone_is_needed() -> None:
    plan = formation(Client([STACK], {"Status": "CREATE_COMPLETE", "Changes": []})).plan(
        "shop-data", TEMPLATE, {}
    )

    assert (plan.is_needed, plan.changes) == (True, ())


def test_the_outputs_of_a_stack_are_read_by_name() -> None:
    stack = {**STACK, "Outputs": [{"OutputKey": "JobName", "OutputValue": "shop-transform"}]}

    assert formation(Client([stack], READY)).read_outputs("shop-glue") == {"JobName": "shop-transform"}
    assert formation(Client([], READY)).read_outputs("shop-glue") == {}


def test_parameter_is_read_as_resolved_at_deployment() -> None:
    named = {"ParameterKey": "Image", "ParameterValue": "/aws/newest", "ResolvedValue": "ami-1"}
    stacks = formation(Client([{**STACK, "Parameters": [*STACK["Parameters"], named]}], READY))

    assert [stacks.read_parameter("shop", name) for name in ("Image", "Days", "Mail")] == ["ami-1", "7", ""]
    assert formation(Client([], READY)).read_parameter("shop", "Image") == ""


def test_rejected_plan_says_why() -> None:
    client = Client([STACK], {"Status": "FAILED", "StatusReason": "Parameter Days must be a number"})

    with pytest.raises(StackFailedError, match="shop-data: Parameter Days must be a number"):
        formation(client).plan("shop-data", TEMPLATE, {})


def test_failed_first_deployment_must_be_deleted() -> None:
    client = Client([{**STACK, "StackStatus": "ROLLBACK_COMPLETE"}], READY)

    with pytest.raises(StackFailedError, match="delete-stack --stack-name shop-data"):
        formation(client).plan("shop-data", TEMPLATE, {})

    assert client.calls == []


def test_discarded_plan_deletes_the_empty_stack() -> None:
    client = Client([], READY)
    plan = formation(client).plan("shop-data", TEMPLATE, {})

    formation(client).discard(plan)

    assert client.call("delete_stack") == {"StackName": "shop-data"}


def test_stack_in_review_does_not_exist_yet() -> None:
    assert (
        formation(Client([{**STACK, "StackStatus": "REVIEW_IN_PROGRESS"}], READY)).find_stack("shop-data")
        is None
    )


def test_execution_waits_for_the_end() -> None:
    running = {**STACK, "StackStatus": "UPDATE_IN_PROGRESS"}
    client = Client([STACK, running, running, {**STACK, "StackStatus": "UPDATE_COMPLETE"}], READY)
    plan = formation(client).plan("shop-data", TEMPLATE, {})

    formation(client).execute(plan)

    assert client.call("execute_change_set")["ChangeSetName"] == plan.name


def test_a_rollback_names_the_resource_that_failed() -> None:
    client = Client([STACK, {**STACK, "StackStatus": "UPDATE_ROLLBACK_COMPLETE"}], READY)
    plan = formation(client).plan("shop-data", TEMPLATE, {})

    with pytest.raises(StackFailedError, match="UPDATE_ROLLBACK_COMPLETE: Watchdog: no such key"):
        formation(client).execute(plan)


def test_short_yaml_tags_are_expanded() -> None:
    text = "a: !Ref Name\nb: !GetAtt Store.Arn\nc: !Sub '${Name}-x'\nd: !Not [!Equals [!Ref M, '']]\n"

    assert read_template(text) == {
        "a": {"Ref": "Name"},
        "b": {"Fn::GetAtt": ["Store", "Arn"]},
        "c": {"Fn::Sub": "${Name}-x"},
        "d": {"Fn::Not": [{"Fn::Equals": [{"Ref": "M"}, ""]}]},
    }
