"""What the `/pipeline` endpoints answer, for the OpenAPI document."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Summary(BaseModel):
    """How many records each stage has, in distinct ingest_ids."""

    accepted: int = Field(description="Reported accepted by a receipt.")
    rejected: int = Field(description="In the error bucket, refused.")
    spilled: int = Field(description="In the error bucket now, accepted and waiting for the stream.")
    streamed: int = Field(description="In the stream.")
    landed: int = Field(description="In a file in the landing bucket.")
    loaded: int = Field(description="In the raw table.")

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"accepted": 99, "rejected": 1, "spilled": 0, "streamed": 99, "landed": 99, "loaded": 99},
            ]
        }
    )


class Rows(BaseModel):
    """Rows of the raw table, the last loaded first; `payload` is JSON text."""

    rows: list[dict[str, Any]]


class Rejected(BaseModel):
    """Lines of the error bucket, the newest first, as they stand there."""

    rejected: list[dict[str, Any]]


class Answer(BaseModel):
    """What one answer to the client said of the record."""

    request_id: str
    received_at: str
    source: str
    http_status: int
    status: Literal["accepted", "rejected", "retry"]


class StreamPlace(BaseModel):
    """A line of a record of the stream."""

    shard_id: str
    sequence_number: str
    line: int


class ObjectPlace(BaseModel):
    """A line of an object; `reason` for a rejected record."""

    bucket: str
    key: str
    line: int
    reason: str | None = None


class RowPlace(BaseModel):
    """A row of the raw table."""

    file_name: str
    file_row_number: int
    loaded_at: str


class Trace(BaseModel):
    """Where a record is. A place more than once is what at-least-once delivery looks like."""

    ingest_id: str
    status: Literal["loaded", "landed", "streamed", "spilled", "rejected", "accepted", "retry"] = Field(
        description="The furthest that the record has come; `retry` when nothing is confirmed."
    )
    answer: list[Answer]
    rejected: list[ObjectPlace]
    spilled: list[ObjectPlace]
    stream: list[StreamPlace]
    landing: list[ObjectPlace]
    rows: list[RowPlace]
