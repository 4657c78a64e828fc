"""Errors of the stack on one machine.

LocalError
├── PortError             a port is taken or invalid
├── StackError            a part of the stack did not start, or ended
└── RunFailedError        the run ended, and the day was not published
"""

from include.errors import PipelineError


class LocalError(PipelineError):
    """A command of the local stack failed. The message is for the user."""


class PortError(LocalError):
    """A port is taken, or its setting is invalid."""


class StackError(LocalError):
    """A part of the stack did not start, ended, or gave an unexpected response."""


class RunFailedError(LocalError):
    """The run ended without publishing its day."""
