"""The user that Locust runs: it sends a scenario's requests when they are due."""

import time
from dataclasses import dataclass
from functools import partial
from typing import Any

import gevent
from gevent.event import Event
from locust import FastHttpUser, task
from locust.exception import StopUser
from locust.user.task import LOCUST_STATE_STOPPING

from loadtest.answers import read_answer
from loadtest.delivery import Sent, deliver
from loadtest.load import Load
from loadtest.posts import Post
from loadtest.slow_body import SlowBody

NAME, SLOW_NAME, THROTTLED_NAME = "/records", "/records over a slow line", "/records answered 429"


@dataclass(frozen=True, slots=True)
class Shared:
    """What the users of a process have in common.

    Attributes:
        until: seconds of the run after which no request leaves.
        stopping: set when the run is to end.
    """

    load: Load
    until: float
    stopping: Event


class GatewayUser(FastHttpUser):
    """One client with one connection; what it does is its Turn."""

    insecure = False
    connection_timeout = 10.0
    network_timeout = 35.0
    """An HTTP API gives up after 30 s."""

    def on_start(self) -> None:
        """Begin."""
        self._shared: Shared = self.environment.sluice
        self._load = self._shared.load
        self._turn = self._load.next_turn()

    @task
    def send_all(self) -> None:
        """Send each request when it is due, until none is or the run stops.

        One task for all, and no wait of Locust's between: it kills a user that waits, and one whose time comes in that
        very moment would be killed while it sends.
        """
        for number, due in enumerate(self._turn.due):
            if due >= self._shared.until:
                break
            post = self._turn.client.next()  # written before it is due, so that writing delays none
            stops = self._shared.stopping.wait(max(0.0, due - self._load.now()))
            if stops or self._load.now() >= self._shared.until or self._state == LOCUST_STATE_STOPPING:
                break
            headers = post.headers(f"{self._load.plan.run_id}-{self._turn.name}-{number}", self._turn.api_key)
            deliver(self._load, post, due, partial(self._send, post, headers), gevent.sleep)
        raise StopUser

    def _send(self, post: Post, headers: dict[str, str]) -> Sent:
        speed = self._turn.bytes_per_second
        slow = None if speed is None else SlowBody(post.body, speed, gevent.sleep, time.perf_counter)
        name = NAME if slow is None else SLOW_NAME
        response: Any
        with self.client.post(
            post.path, data=slow or post.body, headers=headers, name=name, catch_response=True
        ) as response:
            outcome = read_answer(response.status_code, response.content or b"", post.records, post.rejected)
            meta, waited_from = response.request_meta, None
            if slow is not None and slow.ended_at is not None:
                waited = time.perf_counter() - slow.ended_at
                waited_from = self._load.now() - waited
                meta["response_time"] = waited * 1000
            if outcome.throttled:
                meta["name"] = THROTTLED_NAME
            if outcome.error is None:
                response.success()
            else:
                response.failure(outcome.error)
        return Sent(outcome, float(meta["response_time"]), waited_from)
