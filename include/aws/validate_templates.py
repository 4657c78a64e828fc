"""Validates the templates and the policies in them, without an AWS account.

The linters come from requirements-dev.txt.
"""

import json
from collections.abc import Iterator

from include.aws import policies
from include.aws.access import LAYOUT
from include.aws.cloudformation import read_template
from include.aws.errors import TemplateError
from include.aws.invariants import find_violations
from include.aws.policies import Place, Policy
from include.aws.stacks import STACKS, Deployment
from include.keys import Layout


def validate(deployment: Deployment) -> None:
    """Check every template with cfn-lint and our security rules, and every policy with parliament.

    Raises
    ------
    TemplateError: lists all faults, or names a linter that is not installed.
    """
    try:
        faults = [
            *find_broken_invariants(deployment),
            *find_policy_faults(),
            *find_template_faults(deployment),
        ]
    except ModuleNotFoundError as error:
        raise TemplateError(f"{error.name} is not installed. Install requirements-dev.txt.") from error
    if faults:
        raise TemplateError("\n".join(["The templates are not valid:", *faults]))


def find_broken_invariants(deployment: Deployment) -> Iterator[str]:
    for stack in STACKS:
        for violation in find_violations(read_template(deployment.template(stack))):
            yield f"{stack}: {violation}"


def find_template_faults(deployment: Deployment) -> Iterator[str]:
    from cfnlint.api import lint  # type: ignore[import-untyped]  # ships no types

    for stack in STACKS:
        for match in lint(deployment.template(stack), regions=[deployment.region]):
            yield f"{stack}.yaml, line {match.linenumber}: {match.rule.id} {match.message}"


def find_policy_faults() -> Iterator[str]:
    from parliament import analyze_policy_string  # type: ignore[import-untyped]  # ships no types

    for name, document in all_policies(Layout(), example_place()).items():
        for finding in analyze_policy_string(json.dumps(document), include_community_auditors=True).findings:
            yield f"policy {name}: {finding.issue} {finding.detail}"


def all_policies(layout: Layout = LAYOUT, place: Place | None = None) -> dict[str, Policy]:
    """The policies by their names in the access template."""
    place = place or Place()
    return {
        "WorkerDataPolicy": policies.worker_data(layout, place),
        "WorkerServicesPolicy": policies.worker_services(place),
        "GlueJobPolicy": policies.glue_job(layout, place),
        "ProducerPolicy": policies.producer(layout, place),
        "DocsReaderPolicy": policies.docs_reader(layout, place),
        "WatchdogPolicy": policies.watchdog(layout, place),
    }


def example_place() -> Place:
    """A place with literal names instead of CloudFormation's parameters."""
    return Place(
        name="ecommerce",
        partition="aws",
        region="us-east-1",
        account="123456789012",
        artifact_bucket="ecommerce-artifacts",
        metrics_namespace="ecommerce/pipeline",
    )
