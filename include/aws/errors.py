"""Errors of the AWS commands.

AwsError
├── TemplateError         a template is invalid or breaks a security rule
├── ReleaseError          the release would lack a file
├── StackFailedError      CloudFormation rejected or rolled back a change
└── DataKeptError         the name that confirms the deletion of data is wrong
"""

from include.errors import PipelineError


class AwsError(PipelineError):
    """An AWS command failed. The message is for the user."""


class TemplateError(AwsError):
    """A template is invalid or breaks a security rule."""


class ReleaseError(AwsError):
    """A release would lack something that the pipeline needs."""


class StackFailedError(AwsError):
    """CloudFormation rejected or rolled back a change."""


class DataKeptError(AwsError):
    """The name given to confirm the deletion of data is wrong."""
