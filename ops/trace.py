"""`sluice trace INGEST_ID`: where a record is now."""

import argparse
import http.client
import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ops.places import PlacesError, running_here

if TYPE_CHECKING:
    from argparse import _SubParsersAction

ANSWER_SECONDS = 60.0


class TraceError(Exception):
    """The record cannot be followed; the message is one line for the user."""


def register(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("trace", help="show where a record is now")
    parser.add_argument("ingest_id", metavar="INGEST_ID", help="<request_id>-<index>, as the gateway answered")
    parser.add_argument("--url", help="the gateway (default: the pipeline that runs here)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the way of one record; exit status 1 when nothing is known of it."""
    try:
        for line in describe(fetch(arguments.url or running_here().urls["gateway"], arguments.ingest_id)):
            print(line)
    except (TraceError, PlacesError) as error:
        sys.stderr.write(f"sluice: {error}\n")
        return 1
    return 0


def fetch(url: str, ingest_id: str) -> dict[str, Any]:
    """What the gateway at `url` knows of a record.

    Raises:
        TraceError: nothing, or it does not answer.
    """
    target = f"{url.rstrip('/')}/pipeline/trace/{urllib.parse.quote(ingest_id, safe='')}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(target, timeout=ANSWER_SECONDS) as answer:
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        raise TraceError(_detail(error)) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise TraceError(f"no pipeline answers at {url} ({error}); start one with: make run") from None
    return found


def describe(trace: Mapping[str, Any]) -> Iterator[str]:
    """One line a place, in the order of the way."""
    yield f"{trace['ingest_id']}: {trace['status']}"
    for receipt in trace["answer"]:
        said = f"{receipt['status']}, with status {receipt['http_status']} to {receipt['source']}"
        yield f"  answer  {said} at {receipt['received_at']}"
    for seen in trace["rejected"]:
        yield f"  error   {seen['key']} line {seen['line']}: {seen['reason']}"
    for seen in trace["spilled"]:
        yield f"  spill   {seen['key']} line {seen['line']}"
    for seen in trace["stream"]:
        yield f"  stream  {seen['shard_id']} sequence number {seen['sequence_number']}, line {seen['line']}"
    for seen in trace["landing"]:
        yield f"  file    {seen['key']} line {seen['line']}"
    for row in trace["rows"]:
        yield f"  row     {row['file_name']} row {row['file_row_number']}, loaded at {row['loaded_at']}"


def _detail(error: urllib.error.HTTPError) -> str:
    try:
        detail: str = json.load(error)["detail"]
    except (ValueError, KeyError, TypeError):
        return f"the gateway answered {error.code}"
    return detail
