"""Teardown: deletes the stacks of a deployment, and its data only on explicit request."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from include.aws.cloudformation import CloudFormation
from include.aws.deploy import Confirm, Echo
from include.aws.errors import DataKeptError
from include.aws.stacks import DATA, STACKS, Deployment

#: The most objects that S3 deletes in one request.
_BATCH = 1000


def teardown(
    session: Any, deployment: Deployment, confirm: Confirm, echo: Echo, *, delete_data: str = ""
) -> bool:
    """Delete the stacks after confirmation. Returns False if it was declined.

    Without `delete_data`, the buckets and their stack are kept for a later deployment.

    Raises
    ------
    DataKeptError: `delete_data` is not the name of the deployment; nothing was deleted.
    """
    if delete_data and delete_data != deployment.name:
        raise DataKeptError(
            f"--delete-data {delete_data} is not the name of this deployment, {deployment.name}. "
            "Nothing was deleted."
        )
    formation = CloudFormation(session.client("cloudformation"))
    stacks = [stack for stack in reversed(STACKS) if delete_data or stack != DATA]
    found = [name for name in map(deployment.stack_name, stacks) if formation.find_stack(name)]
    for line in describe(deployment, found, is_data_deleted=bool(delete_data)):
        echo(line)
    if not confirm("Delete these?"):
        return False
    for name in found:
        formation.delete(name)
        echo(f"{name}: deleted")
    if delete_data:
        for bucket in deployment.buckets:
            echo(f"{bucket}: {delete_bucket(session.client('s3'), bucket)} versions deleted")
        delete_task_logs(session.client("logs"), deployment)
    return True


def describe(deployment: Deployment, stacks: list[str], *, is_data_deleted: bool) -> Iterator[str]:
    for name in stacks:
        yield f"delete the stack {name}"
    for bucket in deployment.buckets:
        yield f"DELETE ALL DATA in {bucket}" if is_data_deleted else f"keep {bucket}"


def delete_bucket(s3: Any, bucket: str) -> int:
    """Delete a bucket with all versions in it. Returns their number; 0 if there is no bucket."""
    deleted = 0
    try:
        for page in s3.get_paginator("list_object_versions").paginate(
            Bucket=bucket, PaginationConfig={"PageSize": _BATCH}
        ):
            versions = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in versions]
            if objects:
                s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
            deleted += len(objects)
        s3.delete_bucket(Bucket=bucket)
    except s3.exceptions.NoSuchBucket:
        return 0
    return deleted


def delete_task_logs(logs: Any, deployment: Deployment) -> None:
    """Delete the task logs, which are kept as long as the data."""
    with suppress(logs.exceptions.ResourceNotFoundException):
        logs.delete_log_group(logGroupName=f"/{deployment.name}/tasks")
