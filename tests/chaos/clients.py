"""The load, as good clients send it.

With an Idempotency-Key a request is sent again, whole and unchanged, until an answer leaves nothing to retry; some are
sent several times at once, and some again though they were answered. Without a key only the records that are marked
`retry` are sent again, as a new request, and a request whose outcome is unknown is left alone.
"""

import http
import http.client
import random
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from tests.chaos.account import RETRY, Account, Answer, Posting
from tests.chaos.bodies import Body, body_of, in_lines
from tests.chaos.schedule import PlannedRequest, Way
from tests.support.transports import Client, Response, post

RECEIPTS = {202, 207, 400, 422, 503}
FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS = 0.1, 1.5
NOT_REACHED = (ConnectionRefusedError,)
LOST = (OSError, http.client.HTTPException)


@dataclass
class Load:
    """The clients of one run.

    Args:
        ways: the ways in.
        give_up: when to stop sending again, by time.monotonic().
    """

    ways: Mapping[Way, Client]
    account: Account
    steps: Sequence[PlannedRequest]
    seed: int
    give_up: float
    clients: int = 6
    _todo: deque[PlannedRequest] = field(init=False)
    _keyed: dict[int, Posting] = field(init=False, default_factory=dict)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _sent: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._todo = deque(self.steps)
        self._all = sum(step.records for step in self.steps)

    @property
    def share_sent(self) -> float:
        """Of all records, how many have been answered or given up."""
        return self._sent / self._all

    def run(self) -> None:
        """Send all; returns when every client has done its part. Where one fails, or on Ctrl-C, all end."""
        with ThreadPoolExecutor(self.clients, "client") as clients:
            try:
                for client in [clients.submit(self._send_on, number) for number in range(self.clients)]:
                    client.result()
            finally:
                self.stop()

    def stop(self) -> None:
        """Send nothing more."""
        self._todo.clear()
        self.give_up = time.monotonic()

    def _send_on(self, number: int) -> None:
        chance = random.Random(f"{self.seed}/{number}")  # noqa: S311
        while True:
            try:
                request = self._todo.popleft()
            except IndexError:
                return
            _Sender(self, request, chance).send()
            with self._lock:
                self._sent += request.records

    def posting_of(self, request: PlannedRequest, body: Body) -> Posting:
        """A keyed request's posting, the same when it comes again."""
        with self._lock:
            if request.number not in self._keyed:
                key = f"chaos-{self.seed}-{request.number}"
                opened = Posting(request.number, key, body.records, is_whole=body.is_whole)
                self._keyed[request.number] = self.account.open(opened)
            return self._keyed[request.number]


class _Sender:
    """One request's client."""

    def __init__(self, load: Load, request: PlannedRequest, chance: random.Random) -> None:
        self._load = load
        self._request = request
        self._chance = chance
        self._way = load.ways[request.way]

    def send(self) -> None:
        body = body_of(self._request)
        if not self._request.keyed:
            self._send_what_is_left(body)
            return
        posting = self._load.posting_of(self._request, body)
        with ThreadPoolExecutor(self._request.copies) as copies:
            list(copies.map(lambda _: self._send_until_settled(posting, body), range(self._request.copies)))
        for _ in range(self._request.again):
            self._send_until_settled(posting, body)

    def _send_until_settled(self, posting: Posting, body: Body) -> None:
        tries = 0
        while time.monotonic() < self._load.give_up:
            answer = self._try(posting, body)
            if answer and all(status != RETRY for status, _ in answer.told.values()):
                return
            self._pause(tries)
            tries += 1

    def _send_what_is_left(self, body: Body) -> None:
        tries = 0
        while True:
            posting = Posting(self._request.number, None, body.records, is_whole=body.is_whole)
            answer = self._try(posting, body)
            reached = bool(answer or posting.lost or posting.strange)
            late = time.monotonic() >= self._load.give_up
            if reached or late:
                self._load.account.open(posting)
            left = [index for index, (status, _) in sorted(answer.told.items()) if status == RETRY] if answer else []
            if late or (reached and not left):
                return
            if left and body.is_whole:
                body = replace(in_lines([body.records[index] for index in left]), query=body.query)
            self._pause(tries)
            tries += 1

    def _try(self, posting: Posting, body: Body) -> Answer | None:
        """One try, noted in `posting`; None where it has no receipt."""
        keyed = {"Idempotency-Key": posting.key} if posting.key else {}
        try:
            response = post(self._way, body.content, {**body.headers, **keyed}, media=body.media, query=body.query)
        except NOT_REACHED:
            return None
        except LOST as error:
            posting.lost.append(type(error).__name__)
            return None
        members = _problem_or_receipt(response)
        if response.status >= http.HTTPStatus.INTERNAL_SERVER_ERROR and "request_id" not in members:
            posting.lost.append(f"status {response.status}")
            return None
        if response.status not in RECEIPTS or "results" not in members:
            posting.strange.append(f"{response.status} {response.body[:300]!r}")
            return None
        told = {result["index"]: (result["status"], result["reason"]) for result in members["results"]}
        answer = Answer(response.status, members["request_id"], members["accepted"], members["rejected"], told)
        posting.answers.append(answer)
        return answer

    def _pause(self, tries: int) -> None:
        most = min(LAST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(tries, 8))
        time.sleep(self._chance.uniform(most / 2, most))


def _problem_or_receipt(response: Response) -> dict[str, Any]:
    try:
        members = response.json()
    except ValueError:
        return {}
    return members if isinstance(members, dict) else {}
