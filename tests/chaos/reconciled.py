"""What `sluice reconcile --json` said against what the harness counted itself. Pure."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from tests.chaos.commands import Ran

MOST_CHARACTERS = 1_500


@dataclass(frozen=True, slots=True)
class Own:
    """What the harness counted.

    Attributes:
        accepted: distinct ingest_ids that receipts accept.
        loaded: distinct ingest_ids in RECORDS.
        strays: ingest_ids that landed, but no answer named, no receipt accepts and no replay put in.
    """

    accepted: int
    loaded: int
    strays: int


def discontents(ran: Ran, own: Own) -> Iterator[str]:
    """Why its exit status 0 is not there, or says nothing."""
    if ran.status:
        yield f"exit status {ran.status}: {ran.errors}{ran.output[:MOST_CHARACTERS]}"
    try:
        said = json.loads(ran.output)
        clean, left_out, total = said["clean"], said["left_out"], said["total"]
        accepted, loaded, unfinished = total["accepted"], total["loaded"], total["missing"] + total["settling"]
        no_receipt = said["explained"]["no_receipt"]
    except (ValueError, KeyError, TypeError) as error:
        yield f"it printed not what is asked of it ({type(error).__name__}: {error})"
        return
    if clean is not True or unfinished:
        yield f"clean: {clean}, {unfinished} records missing or settling"
    if left_out:
        yield f"it left out: {left_out}"
    if accepted != own.accepted:
        yield f"{accepted} accepted, the receipts hold {own.accepted}"
    if loaded != own.loaded:
        yield f"{loaded} loaded, RECORDS holds {own.loaded}"
    if no_receipt > own.strays:
        yield f"{no_receipt} without a receipt, {own.strays} such strays are known here"
