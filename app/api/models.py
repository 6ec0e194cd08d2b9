"""Requests and answers as the OpenAPI document shows them, and imported for it alone: routes name the models and build
their answers themselves, so that no start and no request waits for pydantic. Tests hold the answers against them."""

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from app.api.examples import REJECTED, RETRY


class Record(BaseModel):
    """A record: any JSON object whose `id` is present and not null. It is stored as it was sent."""

    model_config = ConfigDict(
        extra="allow", json_schema_extra={"examples": [{"id": "order-1001", "customer": "ada", "amount": 12.5}]}
    )

    id: Any = Field(
        description="Present and not null; any other JSON value.",
        json_schema_extra={"type": ["string", "number", "boolean", "object", "array"]},
    )


class RecordError(BaseModel):
    """One thing that is wrong with a record."""

    loc: list[str | int] = Field(description="Keys and indexes that lead to it from the record's top.")
    msg: str = Field(description="What is wrong and what would be right.")
    type: str = Field(description="The reason, or the JSON Schema keyword that was broken.")


class RecordResult(BaseModel):
    """What became of a record that was not accepted."""

    model_config = ConfigDict(json_schema_extra={"examples": [REJECTED, RETRY]})

    index: int = Field(ge=0, description="Place in the request; in NDJSON, among the lines that are not blank.")
    ingest_id: str = Field(description="`<request_id>-<index>`, the record's id from answer to row.")
    status: Literal["rejected", "retry"] = Field(
        description="`rejected`: kept in the error bucket. `retry`: not confirmed anywhere; send it again."
    )
    reason: str
    errors: list[RecordError]


class Answer(BaseModel):
    """The receipt of a request."""

    request_id: str
    received_at: AwareDatetime
    accepted: int = Field(ge=0, description="Records that are in the stream, or wait for it in the spill area.")
    rejected: int = Field(ge=0, description="Records that are in the error bucket.")
    results: list[RecordResult] = Field(description="Only the records that were not accepted.")


class Problem(BaseModel):
    """An error answer (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    reason: str = Field(description="The problem, for programs.")
    request_id: str


class RecordsProblem(Problem):
    """An error answer that is also the receipt of a request: what became of each of its records."""

    received_at: AwareDatetime
    accepted: int = Field(ge=0, description="Records that are in the stream, or wait for it in the spill area.")
    rejected: int = Field(ge=0, description="Records that are in the error bucket.")
    results: list[RecordResult] = Field(description="Only the records that were not accepted.")


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"]
    version: str


class Ready(BaseModel):
    """Every place that records go to can be reached."""

    status: Literal["ready"]


class SchemaList(BaseModel):
    """Names of schemas and their versions, oldest first."""

    schemas: dict[str, list[str]]


MODELS: tuple[type[BaseModel], ...] = (Record, Answer, Problem, RecordsProblem, Health, Ready, SchemaList)
"""All that routes name."""
