"""Powertools for AWS Lambda (Python): its resolver for HTTP APIs, and boto3.

Does: route the event, parse the JSON body and see whether there is an id, put_record for one record, put_records in
chunks of 500 for an array (Powertools, "REST API", "HTTP API"). It is the leanest of the frameworks for Lambda.
Does not: check the record further (its data validation is optional, and brings Pydantic); keep what it refuses; look at
what put_records says of each record; keep a record's own bytes; number, log or count the records; read NDJSON or gzip.
"""

import json
from typing import Any

import boto3
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response, content_types
from aws_lambda_powertools.event_handler.exceptions import BadRequestError
from aws_lambda_powertools.utilities.typing import LambdaContext

STREAM = "bench"
MAX_ENTRIES = 500

app = APIGatewayHttpResolver()
kinesis = boto3.client("kinesis")


@app.post("/records")
def records() -> Response[str]:
    """One record or an array of them."""
    body = app.current_event.json_body
    orders = body if isinstance(body, list) else [body]
    if not all(isinstance(order, dict) and order.get("id") is not None for order in orders):
        raise BadRequestError("every record needs an id")
    if isinstance(body, dict):
        kinesis.put_record(StreamName=STREAM, Data=json.dumps(body).encode(), PartitionKey=str(body["id"]))
    else:
        for start in range(0, len(orders), MAX_ENTRIES):
            chunk = orders[start : start + MAX_ENTRIES]
            kinesis.put_records(
                StreamName=STREAM,
                Records=[{"Data": json.dumps(order).encode(), "PartitionKey": str(order["id"])} for order in chunk],
            )
    return Response(202, content_types.APPLICATION_JSON, json.dumps({"accepted": len(orders)}))


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """What Lambda calls."""
    answer: dict[str, Any] = app.resolve(event, context)
    return answer
