"""What can go wrong, for the person at the terminal.

ReplayError           one line, with the cause
└── FixFileError      the fix is not of its form
"""


class ReplayError(Exception):
    """The run cannot begin or go on; the message is one line with the cause."""


class FixFileError(ReplayError):
    """The fix cannot be read or is not of its form."""
