"""What can go wrong, for the person at the terminal.

DeployError           one line, with the cause; the step says what to do next
├── SnowflakeError    a statement failed, or there is no connection
├── ImageError        the image could not be built or pushed
└── TimeLimitError    what was waited for did not come
"""


class DeployError(Exception):
    """Something could not be done; the message is one line with the cause."""


class SnowflakeError(DeployError):
    """Snowflake refused a statement or a connection."""


class ImageError(DeployError):
    """The image could not be built, pushed or found."""


class TimeLimitError(DeployError):
    """What was waited for did not come within its time limit."""
