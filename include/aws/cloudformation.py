"""CloudFormation change sets: plan the changes of a stack, then apply or discard them.

Uses the caller's own AWS credentials, not the pipeline's connection, which must not be able to deploy.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import yaml

from include.aws.errors import StackFailedError

CAPABILITIES = ["CAPABILITY_NAMED_IAM"]
#: Status reasons of a change set without changes.
_NOTHING = ("didn't contain changes", "No updates are to be performed")
_POLL_SECONDS = 3
_TIMEOUT_SECONDS = 45 * 60


@dataclass(frozen=True, kw_only=True)
class Change:
    """One line of a change set. `replacement` is True, False, Conditional or empty."""

    action: str
    logical_id: str
    resource_type: str
    replacement: str


@dataclass(frozen=True, kw_only=True)
class ChangeSet:
    """The planned changes of a stack.

    Parameters
    ----------
    is_needed: whether there is something to apply; it may concern only outputs, without a resource.
    """

    stack_name: str
    name: str
    is_new_stack: bool
    is_needed: bool = False
    changes: tuple[Change, ...] = ()


class CloudFormation:
    """The CloudFormation operations of a deployment."""

    def __init__(self, client: Any, *, poll_seconds: float = _POLL_SECONDS) -> None:
        self._client = client
        self._poll_seconds = poll_seconds

    def find_stack(self, stack_name: str) -> dict[str, Any] | None:
        """The description of a stack; None if it does not exist or was only planned."""
        from botocore.exceptions import ClientError

        try:
            (stack,) = self._client.describe_stacks(StackName=stack_name)["Stacks"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ValidationError":
                return None
            raise
        found: dict[str, Any] = stack
        return None if found["StackStatus"] in {"REVIEW_IN_PROGRESS", "DELETE_COMPLETE"} else found

    def read_outputs(self, stack_name: str) -> dict[str, str]:
        stack = self.find_stack(stack_name) or {}
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def read_parameter(self, stack_name: str, name: str) -> str:
        """The value of a stack's parameter; empty if there is no such stack or parameter."""
        for found in (self.find_stack(stack_name) or {}).get("Parameters", []):
            if found["ParameterKey"] == name:
                return str(found.get("ResolvedValue", found["ParameterValue"]))
        return ""

    def plan(self, stack_name: str, template: str, values: dict[str, str]) -> ChangeSet:
        """Let CloudFormation compute the changes.

        Values without a parameter in the template are ignored. A parameter without a value keeps the value
        of the stack, or takes the default of the template.

        Raises
        ------
        StackFailedError: the template or a value was rejected, or the stack can only be deleted.
        """
        stack = self.find_stack(stack_name)
        if stack and stack["StackStatus"] == "ROLLBACK_COMPLETE":
            raise StackFailedError(
                f"The first deployment of the stack {stack_name} failed and cannot be updated. "
                "Delete the stack, which contains no data, and deploy again: "
                f"aws cloudformation delete-stack --stack-name {stack_name}"
            )
        plan = ChangeSet(stack_name=stack_name, name=f"deploy-{time.time_ns()}", is_new_stack=stack is None)
        reason = self._create_change_set(plan, template, list(choose_parameters(template, values, stack)))
        if not reason:
            planned = self._wait_for_change_set(plan)
            if planned["Status"] != "FAILED":
                return replace(plan, is_needed=True, changes=tuple(read_changes(planned)))
            reason = planned.get("StatusReason", "no reason given")
            self._client.delete_change_set(StackName=stack_name, ChangeSetName=plan.name)
        if any(text in reason for text in _NOTHING):
            return plan
        raise StackFailedError(f"CloudFormation rejected the stack {stack_name}: {reason}")

    def execute(self, change_set: ChangeSet) -> None:
        """Apply a change set and wait for its end.

        Raises
        ------
        StackFailedError: names the resources that failed, and why.
        """
        self._client.execute_change_set(StackName=change_set.stack_name, ChangeSetName=change_set.name)
        self._wait_for_stack(change_set.stack_name)

    def discard(self, change_set: ChangeSet) -> None:
        """Delete a change set, and the empty stack that CloudFormation creates for a first one."""
        self._client.delete_change_set(StackName=change_set.stack_name, ChangeSetName=change_set.name)
        if change_set.is_new_stack:
            self._client.delete_stack(StackName=change_set.stack_name)

    def delete(self, stack_name: str) -> None:
        """Delete a stack, except the resources to be retained, and wait for its end."""
        stack = self.find_stack(stack_name)
        if stack:
            self._client.delete_stack(StackName=stack_name)
            self._wait_for_stack(stack["StackId"])

    def _create_change_set(self, plan: ChangeSet, template: str, parameters: list[dict[str, Any]]) -> str:
        """Create a change set. Returns the reason if it was rejected immediately, otherwise an empty text."""
        from botocore.exceptions import ClientError

        try:
            self._client.create_change_set(
                StackName=plan.stack_name,
                ChangeSetName=plan.name,
                ChangeSetType="CREATE" if plan.is_new_stack else "UPDATE",
                TemplateBody=template,
                Parameters=parameters,
                Capabilities=CAPABILITIES,
                Tags=[{"Key": "project", "Value": "ecommerce-etl"}],
            )
        except ClientError as error:
            return str(error.response["Error"]["Message"])
        return ""

    def _wait_for_change_set(self, plan: ChangeSet) -> dict[str, Any]:
        for _ in self._tries():
            described: dict[str, Any] = self._client.describe_change_set(
                StackName=plan.stack_name, ChangeSetName=plan.name
            )
            if described["Status"] in {"CREATE_COMPLETE", "FAILED"}:
                return described
        raise StackFailedError(f"CloudFormation did not plan {plan.stack_name} in time. Try again.")

    def _wait_for_stack(self, stack_name: str) -> None:
        for _ in self._tries():
            (stack,) = self._client.describe_stacks(StackName=stack_name)["Stacks"]
            status: str = stack["StackStatus"]
            if status in {"CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE"}:
                return
            if not status.endswith("_IN_PROGRESS"):
                raise StackFailedError(
                    f"The stack {stack_name} ended as {status}: {self._find_reasons(stack_name)}"
                )
        raise StackFailedError(f"The stack {stack_name} did not finish in time. Check it in the console.")

    def _tries(self) -> Iterator[None]:
        end = time.monotonic() + _TIMEOUT_SECONDS
        while time.monotonic() < end:
            yield
            time.sleep(self._poll_seconds)

    def _find_reasons(self, stack_name: str) -> str:
        events = self._client.describe_stack_events(StackName=stack_name)["StackEvents"]
        failed = [event for event in events if event.get("ResourceStatus", "").endswith("_FAILED")]
        reasons = [
            f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}" for event in failed
        ]
        return "; ".join(reversed(reasons)) or "see its events in the console"


def choose_parameters(
    template: str, values: dict[str, str], stack: dict[str, Any] | None
) -> Iterator[dict[str, Any]]:
    kept = {parameter["ParameterKey"] for parameter in (stack or {}).get("Parameters", [])}
    for name in read_template(template).get("Parameters", {}):
        if name in values:
            yield {"ParameterKey": name, "ParameterValue": values[name]}
        elif name in kept:
            yield {"ParameterKey": name, "UsePreviousValue": True}


def read_changes(described: dict[str, Any]) -> Iterator[Change]:
    for change in described.get("Changes", []):
        resource = change["ResourceChange"]
        yield Change(
            action=resource["Action"],
            logical_id=resource["LogicalResourceId"],
            resource_type=resource["ResourceType"],
            replacement=resource.get("Replacement", ""),
        )


class _Loader(yaml.SafeLoader):
    """Expands CloudFormation's short forms, such as `!Ref`."""


def _read_short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        text: Any = loader.construct_scalar(node)
        return {name: text.split(".", 1) if suffix == "GetAtt" else text}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}  # type: ignore[arg-type]  # the third kind of node


_Loader.add_multi_constructor("!", _read_short_form)


def read_template(text: str) -> dict[str, Any]:
    """A template as data."""
    template: dict[str, Any] = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader with more tags
    return template
