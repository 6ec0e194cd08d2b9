"""One request from when it is due until its fate is known, as a careful client handles it. The sending is passed in."""

from collections.abc import Callable
from dataclasses import dataclass

from loadtest.answers import Outcome
from loadtest.load import Load
from loadtest.posts import Post

ATTEMPTS = 3
PAUSE_SECONDS = 1.0
"""As the gateway's Retry-After says."""
LATE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Sent:
    """One attempt.

    Attributes:
        milliseconds: that it took.
        waited_from: when, in seconds of the run, the client began to wait, if that was not when the request was due.
    """

    outcome: Outcome
    milliseconds: float
    waited_from: float | None = None


def deliver(load: Load, post: Post, due: float, send: Callable[[], Sent], sleep: Callable[[float], object]) -> None:
    """Send `post` until an answer says what became of its records, at most ATTEMPTS times, and count that.

    An answer that says `retry`, 429 or that nothing was stored is the end of it: the load is not to grow with the
    trouble. `send` sends under the same Idempotency-Key each time.
    """
    counts = load.tally.counts
    counts["sent"] += post.records
    counts["late"] += load.now() - due > LATE_SECONDS
    sent = _attempt(load, post, send)
    for _ in range(ATTEMPTS - 1):
        if not sent.outcome.unknown:
            break
        sleep(PAUSE_SECONDS)
        sent = _attempt(load, post, send)
    began = due if sent.waited_from is None else sent.waited_from
    load.tally.settled(sent.outcome, (load.now() - began) * 1000, sent.milliseconds)
    if post.resend and _is_receipt(sent.outcome):
        _send_again(load, post, send, sent.outcome)


def _attempt(load: Load, post: Post, send: Callable[[], Sent]) -> Sent:
    sent = send()
    load.tally.attempted(sent.outcome, len(post.body))
    return sent


def _send_again(load: Load, post: Post, send: Callable[[], Sent], first: Outcome) -> None:
    load.tally.counts["resends"] += 1
    again = _attempt(load, post, send).outcome
    if _is_receipt(again) and again.request_id != first.request_id:
        load.tally.errors["sent again, other ids"] += 1


def _is_receipt(outcome: Outcome) -> bool:
    return bool(outcome.accepted or outcome.rejected)
