"""What `provision` deployed, kept for the processes that use it."""

import json
from dataclasses import dataclass

from local_pipeline.home import Home

STAGE = "local"


@dataclass(frozen=True, slots=True)
class Deployed:
    """What the stacks made, under the names of their outputs."""

    stream_name: str
    stream_arn: str
    landing_bucket: str
    landing_bucket_arn: str
    landing_prefix: str
    error_bucket: str
    api_id: str
    function_name: str
    queue_url: str
    data_key_arn: str

    @classmethod
    def read(cls, home: Home) -> "Deployed":
        """What the last `provision` of this home wrote."""
        return cls(**json.loads(home.deployed.read_text(encoding="utf-8")))
