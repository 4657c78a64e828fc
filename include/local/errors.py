"""What can go wrong with the stack on one machine.

LocalError
├── PortError             a port that is taken or is no port
├── StackError            a part of the stack did not start, or died
└── RunFailedError        the run ended, and the day was not published
"""

from include.errors import PipelineError


class LocalError(PipelineError):
    """The stack on this machine cannot do what was asked. The message is for the person at the keyboard."""


class PortError(LocalError):
    """A port is taken, or its setting is no port."""


class StackError(LocalError):
    """A part of the stack did not start, died, or gave an answer that was not expected."""


class RunFailedError(LocalError):
    """The run ended without publishing its day."""
