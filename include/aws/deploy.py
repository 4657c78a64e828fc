"""Deploy: package the release, show the changes and, after confirmation, apply them. Safe to repeat."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.aws.cloudformation import ChangeSet, CloudFormation
from include.aws.release import build_release, release_key
from include.aws.settings import format_environment, make_environment
from include.aws.stacks import STACKS, Deployment

Confirm = Callable[[str], bool]
Echo = Callable[[str], None]

CURRENT_RELEASE = "releases/current.zip"
SETTINGS_KEY = "config/airflow.env"
#: The parameter with the id of Amazon's newest image.
NEWEST_IMAGE = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"


@dataclass(frozen=True, kw_only=True)
class Extras:
    """The optional stacks of a deployment.

    Parameters
    ----------
    glue_script: the script of the Glue job, on this machine.
    is_on_instance: whether Airflow runs on an EC2 instance of the deployment.
    """

    glue_script: Path | None = None
    is_on_instance: bool = False

    def stacks(self) -> list[str]:
        """The stacks to deploy, in order."""
        left_out = {"glue": not self.glue_script, "instance": not self.is_on_instance}
        return [stack for stack in STACKS if not left_out.get(stack)]


def deploy(session: Any, deployment: Deployment, extras: Extras, confirm: Confirm, echo: Echo) -> bool:
    """Create or update every stack after confirmation. Returns False if the plan was declined.

    Raises
    ------
    StackFailedError: CloudFormation rejected a plan, or failed to apply it.
    """
    formation = CloudFormation(session.client("cloudformation"))
    release = build_release()
    values = {}
    if extras.is_on_instance:
        values["ImageId"] = find_image(session, formation, deployment)
    values |= deployment.values(release_key(release)) | script_value(extras)
    plans = [
        formation.plan(deployment.stack_name(stack), deployment.template(stack), values)
        for stack in extras.stacks()
    ]
    for line in describe_plans(plans):
        echo(line)
    wanted = [plan for plan in plans if plan.is_needed]
    if wanted and not confirm("Apply these changes?"):
        for plan in wanted:
            formation.discard(plan)
        return False
    uploads = Uploads(session.client("s3"), deployment, release, extras)
    carry_out(formation, plans, uploads, echo)
    for plan in plans:
        for name, value in formation.read_outputs(plan.stack_name).items():
            echo(f"{name}: {value}")
    return True


def find_image(session: Any, formation: CloudFormation, deployment: Deployment) -> str:
    """The image of the existing instance, because another image would replace it; otherwise the newest."""
    if image := formation.read_parameter(deployment.stack_name("instance"), "ImageId"):
        return image
    newest = session.client("ssm").get_parameter(Name=NEWEST_IMAGE)
    return str(newest["Parameter"]["Value"])


def carry_out(formation: CloudFormation, plans: list[ChangeSet], uploads: "Uploads", echo: Echo) -> None:
    """Apply the plans. The first stack creates the bucket with the code of the others."""
    for position, plan in enumerate(plans):
        if plan.is_needed:
            echo(f"{plan.stack_name}: in progress")
            formation.execute(plan)
            echo(f"{plan.stack_name}: done")
        if position == 0:
            for key in uploads.upload():
                echo(f"uploaded {key}")


def describe_plans(plans: list[ChangeSet]) -> Iterator[str]:
    """One line per stack and per change."""
    for plan in plans:
        yield (
            f"{plan.stack_name}: {len(plan.changes)} changes"
            if plan.is_needed
            else f"{plan.stack_name}: no changes"
        )
        for change in plan.changes:
            warning = "  REPLACED" if change.replacement == "True" else ""
            yield f"  {change.action:<8}{change.resource_type:<34}{change.logical_id}{warning}"


def script_value(extras: Extras) -> dict[str, str]:
    return {"ScriptKey": f"glue/{extras.glue_script.name}"} if extras.glue_script else {}


class Uploads:
    """The content of the artifact bucket: the release, the settings, and the Glue script."""

    def __init__(self, s3: Any, deployment: Deployment, release: bytes, extras: Extras) -> None:
        self._s3 = s3
        self._bucket = deployment.artifact_bucket
        self._bodies = {
            release_key(release): release,
            CURRENT_RELEASE: release,
            SETTINGS_KEY: format_environment(make_environment(deployment)).encode(),
        }
        if extras.glue_script:
            self._bodies[f"glue/{extras.glue_script.name}"] = extras.glue_script.read_bytes()

    def upload(self) -> Iterator[str]:
        """Store the objects whose content has changed. Yields their keys."""
        for key, body in self._bodies.items():
            if self._read(key) != body:
                self._s3.put_object(Bucket=self._bucket, Key=key, Body=body)
                yield key

    def _read(self, key: str) -> bytes | None:
        try:
            body: bytes = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except self._s3.exceptions.NoSuchKey:
            return None
        return body
