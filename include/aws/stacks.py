"""The stacks of a deployment: their order, names, templates and parameters."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from include.aws.access import build_access
from include.aws.cloudformation import read_template
from include.aws.errors import AwsError
from include.config import parse_setting
from include.keys import Layout

TEMPLATES = Path(__file__).with_name("templates")
#: In the order of creation; they are deleted in reverse.
STACKS = ("data", "access", "monitoring", "glue", "instance")
#: The stack with the buckets, which is kept at a teardown.
DATA = "data"
_NAME = re.compile(r"[a-z][a-z0-9]{1,19}")


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """One deployment of the pipeline in one account and region.

    Parameters
    ----------
    name: prefix of all names, so that one account can have several deployments.
    overrides: template parameters with other values than their defaults.

    Raises
    ------
    AwsError: the name is invalid, or an overridden parameter does not exist.
    """

    name: str
    account: str
    region: str
    partition: str = "aws"
    raw_key_template: str = Layout.raw_key_template
    docs_prefix: str = Layout.docs_prefix
    overrides: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise AwsError(
                f"--name {self.name!r} cannot be used: give 2 to 20 lower-case letters and digits that begin "
                "with a letter, such as ecommerce."
            )
        if self.overrides:
            reject_unknown_parameters(self.overrides)
        for name in ("raw_key_template", "docs_prefix"):
            text = getattr(self, name)
            try:
                parse_setting(name, text)
            except ValueError as error:
                option = name.replace("_", "-")
                raise AwsError(f"--{option} {text!r} cannot be used: give {error}.") from error

    @cached_property
    def layout(self) -> Layout:
        """Bucket names are global, so they contain the account and the region."""
        suffix = f"{self.account}-{self.region}"
        return Layout(
            raw_bucket=f"{self.name}-raw-{suffix}",
            raw_key_template=self.raw_key_template,
            curated_bucket=f"{self.name}-curated-{suffix}",
            quality_bucket=f"{self.name}-quality-{suffix}",
            docs_prefix=self.docs_prefix,
        )

    @property
    def artifact_bucket(self) -> str:
        return f"{self.name}-artifacts-{self.account}-{self.region}"

    @property
    def metrics_namespace(self) -> str:
        return f"{self.name}/pipeline"

    @property
    def alert_topic_arn(self) -> str:
        return f"arn:{self.partition}:sns:{self.region}:{self.account}:{self.name}-alerts"

    @property
    def catalog_database(self) -> str:
        return f"{self.name}_curated"

    @property
    def buckets(self) -> list[str]:
        layout = self.layout
        return [layout.raw_bucket, layout.curated_bucket, layout.quality_bucket, self.artifact_bucket]

    def stack_name(self, stack: str) -> str:
        return f"{self.name}-{stack}"

    def template(self, stack: str) -> str:
        """The text of a template. The access template depends on the deployment's key templates."""
        if stack != "access":
            return read_text(stack)
        return build_access(
            Layout(
                raw_bucket="${RawBucket}",
                raw_key_template=self.raw_key_template,
                curated_bucket="${CuratedBucket}",
                quality_bucket="${QualityBucket}",
                docs_prefix=self.docs_prefix,
            )
        )

    def role_arn(self, suffix: str) -> str:
        return f"arn:{self.partition}:iam::{self.account}:role/{self.name}-{suffix}"

    def values(self, release: str) -> dict[str, str]:
        """The parameters of all stacks. None depends on the output of a stack, so all are planned at once.

        `release` is the key of the packaged release.
        """
        return {
            "Name": self.name,
            "RawBucket": self.layout.raw_bucket,
            "CuratedBucket": self.layout.curated_bucket,
            "QualityBucket": self.layout.quality_bucket,
            "ArtifactBucket": self.artifact_bucket,
            "MetricsNamespace": self.metrics_namespace,
            "GlueJobRoleArn": self.role_arn("glue"),
            "WatchdogRoleArn": self.role_arn("watchdog"),
            "WorkerInstanceProfileName": f"{self.name}-worker",
            "ReleaseKey": release,
            **self.overrides,
        }


def reject_unknown_parameters(names: Iterable[str]) -> None:
    """Reject misspelt names, which would otherwise be ignored."""
    known = {
        parameter for stack in STACKS for parameter in read_template(read_text(stack)).get("Parameters", {})
    }
    if unknown := sorted(set(names) - known):
        raise AwsError(
            f"No template has a parameter {', '.join(unknown)}. Known are {', '.join(sorted(known))}."
        )


def read_text(stack: str) -> str:
    """The template of a stack, with the default key templates."""
    return build_access() if stack == "access" else (TEMPLATES / f"{stack}.yaml").read_text()
