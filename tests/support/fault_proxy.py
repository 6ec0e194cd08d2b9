"""A proxy between the gateway and its AWS endpoint that fails calls on purpose and remembers what it saw.

In a test: `with running_proxy(upstream) as proxy: proxy.set_rules([Rule(PUT_RECORDS, Fault.THROTTLE)])`.
As a process: `python -m tests.support.fault_proxy --upstream URL --port PORT --seed SEED`, steered over HTTP:
`PUT /_faults/rules` with a JSON list of rules, `GET /_faults/calls`, `DELETE /_faults/calls`.

Differs from AWS: it stands on plain HTTP, reads whole messages, and knows only the JSON protocol of Kinesis.
"""

import argparse
import asyncio
import http
import json
import random
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from urllib.parse import urlsplit

from tests.support.faults import (
    PUT_RECORDS,
    Call,
    Entry,
    Fault,
    Rule,
    amz_headers_of,
    call_to_json,
    entries_of,
    operation_of,
    partial_answer,
    prefix_of,
    refusal,
    resource_of,
    rule_from_json,
    without_entries,
)
from tests.support.http_wire import MAX_HEAD_BYTES, Answer, Request, forward, read_request, write_answer

REFUSALS = {Fault.THROTTLE, Fault.ERROR, Fault.DENY}


class FaultProxy:
    """The proxy's state and its work. Rules and calls may be touched from any thread; all else from its own loop."""

    def __init__(self, upstream: str, seed: int) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._random = random.Random(seed)  # noqa: S311
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._hits: list[int] = []
        self._hits_ever: Counter[Rule] = Counter()
        self._calls: list[Call] = []
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def set_rules(self, rules: Sequence[Rule]) -> None:
        """From now on these rules and no others; of several that match a call the first that hits is used."""
        with self._lock:
            self._rules, self._hits = list(rules), [0] * len(rules)

    def hits(self) -> Counter[Rule]:
        """How many calls each rule has hit, those that are no longer set too."""
        with self._lock:
            return self._hits_ever.copy()

    def calls(self, operation: str | None = None) -> list[Call]:
        """What was seen so far, in the order of arrival of the answers."""
        with self._lock:
            return [call for call in self._calls if operation in {None, call.operation}]

    def forget_calls(self) -> None:
        with self._lock:
            self._calls.clear()

    async def listen(self) -> None:
        """Accept connections; again on the same port after `refuse`."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=MAX_HEAD_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Refuse connections, and cut those that are open."""
        if self._server:
            self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._connections.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while request := await read_request(reader, writer):
                    answer = await self._answer(request)
                    if answer is None:
                        break
                    await write_answer(writer, answer, request.method)
        finally:
            self._connections.discard(task)
            # Abort, not close: what a client sees of a cut connection is a reset.
            writer.transport.abort()

    async def _answer(self, request: Request) -> Answer | None:
        """The answer to a call, None to cut the connection."""
        if request.target.startswith("/_faults/"):
            return self._control(request)
        operation = operation_of(request)
        entries = entries_of(request.body) if operation == PUT_RECORDS else ()
        rule = self._pick(operation)
        if rule and rule.fault is Fault.FAIL_ENTRIES and entries:
            return await self._fail_entries(request, entries, rule.share)
        answer = await self._whole(request, operation, rule)
        fault, status = rule.fault if rule else None, answer.status if answer else None
        self._remember(request, Call(operation, fault, status, entries))
        return answer

    async def _whole(self, request: Request, operation: str, rule: Rule | None) -> Answer | None:
        fault = rule.fault if rule else None
        if fault in REFUSALS:
            assert fault
            return refusal(operation, fault)
        if fault is Fault.CUT_BEFORE:
            return None
        if rule and fault is Fault.DELAY:
            await asyncio.sleep(rule.seconds)
        answer = await forward(request, *self._upstream)
        return None if fault is Fault.CUT_AFTER else answer

    async def _fail_entries(self, request: Request, entries: Sequence[Entry], share: float) -> Answer:
        failed = [self._random.random() < share for _ in entries]
        upstream = None
        if not all(failed):
            upstream = await forward(request, *self._upstream, without_entries(request.body, failed))
            if upstream.status != http.HTTPStatus.OK:
                return upstream
        answer = partial_answer(upstream, failed)
        seen = tuple(replace(entry, failed=fails) for entry, fails in zip(entries, failed, strict=True))
        self._remember(request, Call(PUT_RECORDS, Fault.FAIL_ENTRIES, answer.status, seen))
        return answer

    def _pick(self, operation: str) -> Rule | None:
        with self._lock:
            for number, rule in enumerate(self._rules):
                spent = rule.times is not None and self._hits[number] >= rule.times
                if rule.matches(operation) and not spent and self._random.random() < rule.probability:
                    self._hits[number] += 1
                    self._hits_ever[rule] += 1
                    return rule
        return None

    def _remember(self, request: Request, call: Call) -> None:
        seen = replace(call, resource=resource_of(request), headers=amz_headers_of(request), prefix=prefix_of(request))
        with self._lock:
            self._calls.append(seen)

    def _control(self, request: Request) -> Answer:
        headers = [("Content-Type", "application/json")]
        match request.method, request.target:
            case "PUT", "/_faults/rules":
                self.set_rules([rule_from_json(value) for value in json.loads(request.body)])
            case "GET", "/_faults/calls":
                return Answer(200, "OK", headers, json.dumps([call_to_json(call) for call in self.calls()]).encode())
            case "DELETE", "/_faults/calls":
                self.forget_calls()
            case _:
                return Answer(404, "Not Found", headers, b"{}")
        return Answer(200, "OK", headers, b"{}")


class ProxyThread(FaultProxy):
    """The proxy on a loop of its own in a thread, for tests."""

    def __init__(self, upstream: str, seed: int) -> None:
        super().__init__(upstream, seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)
        self._thread.start()

    def start(self) -> None:
        asyncio.run_coroutine_threadsafe(self.listen(), self._loop).result(5)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self.refuse(), self._loop).result(5)

    def end(self) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()


@contextmanager
def running_proxy(upstream: str, seed: int = 20261123) -> Iterator[ProxyThread]:
    """A proxy in front of `upstream` on a free loopback port, without faults until it is given rules."""
    proxy = ProxyThread(upstream, seed)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.end()


async def serve(upstream: str, port: int, seed: int) -> None:
    """Run as a process until it is ended."""
    proxy = FaultProxy(upstream, seed)
    proxy.port = port
    await proxy.listen()
    sys.stdout.write(f"fault proxy on {proxy.url} before {upstream}, seed {seed}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    options = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(options.upstream, options.port, options.seed))


if __name__ == "__main__":
    main()
