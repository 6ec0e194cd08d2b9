"""A gateway as a tutorial writes it: FastAPI, a Pydantic body model, boto3.

Does: check the fields and types of one kind of record, which is written in its code (FastAPI, "Request Body"); send
each single record with a put_record of its own in a sync `def` route, so in FastAPI's thread pool; send a batch, a JSON
array, with put_records in chunks of 500, the most that Kinesis takes; answer when Kinesis has answered. One thing more
than a tutorial has: 50 connections to Kinesis, so that the pool's 40 threads each keep one. With botocore's default of
10 the others are opened anew for each call, and a record costs 15 to 20 % more CPU time.
Does not: keep what it refuses, and one bad record refuses its whole batch; look at what put_records says of each
record; notice a key given twice, or keep a record's own bytes and the digits of its numbers, for it writes the model
anew; number, log or count the records; read NDJSON or gzip.
"""

from datetime import datetime

import boto3
from botocore.config import Config
from fastapi import FastAPI
from pydantic import BaseModel

STREAM = "bench"
MAX_ENTRIES = 500

app = FastAPI()
kinesis = boto3.client("kinesis", config=Config(max_pool_connections=50))


class Item(BaseModel):
    """A line of an order."""

    sku: str
    qty: int
    price: float


class Address(BaseModel):
    """Where to."""

    street: str
    city: str
    zip: str


class Order(BaseModel):
    """What the benchmark sends."""

    id: str
    customer: str
    amount: float
    currency: str
    items: list[Item]
    address: Address
    note: str
    ts: datetime


@app.post("/records", status_code=202)
def record(order: Order) -> dict[str, int]:
    """One record, one call."""
    kinesis.put_record(StreamName=STREAM, Data=order.model_dump_json().encode(), PartitionKey=order.id)
    return {"accepted": 1}


@app.post("/batches", status_code=202)
def batch(orders: list[Order]) -> dict[str, int]:
    """A batch, as few calls as Kinesis takes it in."""
    for start in range(0, len(orders), MAX_ENTRIES):
        chunk = orders[start : start + MAX_ENTRIES]
        kinesis.put_records(
            StreamName=STREAM,
            Records=[{"Data": order.model_dump_json().encode(), "PartitionKey": order.id} for order in chunk],
        )
    return {"accepted": len(orders)}
