"""What can go wrong on AWS. A message says what happened, where, and what to do.

AwsError
├── TemplateError         a template that is not right
├── ReleaseError          a release that would lack a part
├── StackFailedError      CloudFormation could not do what was asked
└── DataKeptError         a teardown that would have deleted data
"""

from include.errors import PipelineError


class AwsError(PipelineError):
    """Something about AWS cannot be done. The message is for the person at the keyboard."""


class TemplateError(AwsError):
    """A template does not hold what it must."""


class ReleaseError(AwsError):
    """A release would lack something that the pipeline needs."""


class StackFailedError(AwsError):
    """CloudFormation refused or rolled back."""


class DataKeptError(AwsError):
    """Data would have been deleted without having been named."""
