"""What `sluice cost` cannot answer.

CostError
├── PricesError    a price list is missing, or is no price list
└── WorkloadError  a workload that the gateway would not take, or a setting that makes no sense
"""


class CostError(Exception):
    """Its message is one line that says what to do."""


class PricesError(CostError):
    """A price list is missing, or is no price list."""


class WorkloadError(CostError):
    """A workload that the gateway would not take, or a setting that makes no sense."""
