"""The faults of a plan, begun when their share of the load has been sent, and ended."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event
from urllib.parse import quote

from tests.chaos.effects import RULES, Effects
from tests.chaos.replays import Replays
from tests.chaos.schedule import Kind, PlannedFault
from tests.chaos.seen import breakers_opened
from tests.support.fault_proxy import ProxyThread
from tests.support.local_pipeline import LocalPipeline
from tests.support.processes import ROOT, clean_environment
from tests.support.stores import Stores
from tests.support.transports import GatewayProcess

TICK_SECONDS = 0.05
COPIES = 40  # landing files told of again by one fault
VICTIMS = {
    Kind.KILL_GATEWAY: "gateway",
    Kind.KILL_LAMBDA: "lambda",
    Kind.KILL_FIREHOSE: "firehose",
    Kind.KILL_SNOWPIPE: "snowpipe",
}


@dataclass
class Faults:
    """Carries out the faults of a plan.

    Args:
        say: told of every fault that begins and ends.
    """

    pipeline: LocalPipeline
    own: GatewayProcess
    proxy: ProxyThread
    replays: Replays
    say: Callable[[str], None]
    begun: list[Kind] = field(default_factory=list)
    replays_killed: int = 0
    _is_given_up: bool = False
    _active: dict[PlannedFault, float] = field(default_factory=dict)
    _killed: dict[str, int] = field(default_factory=dict)
    _commands: "dict[PlannedFault, subprocess.Popen[bytes]]" = field(default_factory=dict)

    def run(self, planned: Sequence[PlannedFault], share_sent: Callable[[], float], loaded: Event) -> None:
        """Begin each when its time has come, and end it; returns when the load is over and all have ended."""
        waiting = list(planned)
        stores = Stores(self.pipeline)
        try:
            while (waiting or self._active) and not self._is_given_up:
                share = 1.0 if loaded.is_set() else share_sent()
                due = [fault for fault in waiting if fault.at <= share]
                waiting = [fault for fault in waiting if not (fault in due and self._begin(fault, stores))]
                self._replay_on()
                for fault in self._ended(loaded):
                    self._end(fault)
                time.sleep(TICK_SECONDS)
        finally:
            for fault in list(self._active):
                self._end(fault)

    def _replay_on(self) -> None:
        """A replay that came to its end before it was to be killed is run again, so that one is."""
        for fault, command in self._commands.items():
            if fault.kind is Kind.REPLAY and command.poll() is not None:
                self._commands[fault] = self.replays.start()

    def _ended(self, loaded: Event) -> list[PlannedFault]:
        """Those whose time is over; as long as there is a load, one whose kind had no effect yet goes on."""
        over = [fault for fault, ends in self._active.items() if ends <= time.monotonic()]
        return [fault for fault in over if loaded.is_set() or self._had_effect(fault.kind)]

    def _had_effect(self, kind: Kind) -> bool:
        met = self.proxy.hits()
        opened = kind is not Kind.THROTTLE_ALL or breakers_opened(self.own.log)
        return bool(opened and all(met[rule] for rule in RULES.get(kind, ())))

    def effects(self) -> Effects:
        """What they did, as far as it is known here."""
        opened = breakers_opened(self.own.log)
        return Effects(tuple(self.begun), self.proxy.hits(), opened=opened, killed=self.replays_killed)

    def give_up(self) -> None:
        """End those that are under way, and begin no other."""
        self._is_given_up = True

    def _begin(self, fault: PlannedFault, stores: Stores) -> bool:
        """Whether it has begun; one that has to wait for the end of its like is tried again."""
        if any(active.kind is fault.kind for active in self._active):
            return False
        if not self._do(fault, stores):
            return False
        self.begun.append(fault.kind)
        lasts = f", for {fault.seconds:.1f} s" if fault.seconds else ""
        self.say(f"{fault.at:6.1%} {fault.kind}{lasts}")
        if fault.seconds:
            self._active[fault] = time.monotonic() + fault.seconds
            self._set_rules()
        return True

    def _do(self, fault: PlannedFault, stores: Stores) -> bool:
        if fault.kind in VICTIMS:
            return self._kill(VICTIMS[fault.kind])
        if fault.kind is Kind.KILL_OWN:
            self.own.kill()
        elif fault.kind is Kind.NOTIFY_AGAIN:
            notify_again(stores, random.Random(fault.seed))  # noqa: S311
        elif fault.kind is Kind.SECOND_DRAIN:
            self._commands[fault] = self._start_drain()
        elif fault.kind is Kind.REPLAY:
            self._commands[fault] = self.replays.start()
        return True

    def _end(self, fault: PlannedFault) -> None:
        del self._active[fault]
        self._set_rules()
        if fault.kind is Kind.KILL_OWN:
            self.own.start()
        elif fault in self._commands:
            command = self._commands.pop(fault)
            command.kill()
            was_killed = command.wait() == -signal.SIGKILL
            self.replays_killed += was_killed and fault.kind is Kind.REPLAY

    def _set_rules(self) -> None:
        active = {fault.kind for fault in self._active}
        self.proxy.set_rules([rule for kind, rules in RULES.items() if kind in active for rule in rules])

    def _kill(self, name: str) -> bool:
        """False while the supervisor has not started it again since the last time."""
        pid = self.pipeline.pid(name)
        if pid == self._killed.get(name):
            return False
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        self._killed[name] = pid
        return True

    def _start_drain(self) -> "subprocess.Popen[bytes]":
        """`sluice drain`, with the faults between it and the stream."""
        deployed = self.pipeline.deployed()
        command = [sys.executable, "-m", "ops.cli", "drain", "--stream", deployed["stream_name"]]
        return subprocess.Popen(  # noqa: S603
            [*command, "--bucket", deployed["error_bucket"]],
            cwd=ROOT,
            env=clean_environment(self.own.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def notify_again(stores: Stores, chance: random.Random) -> None:
    """Tell Snowpipe of landing files that it knows, and of the newest, which it may not know yet: each twice, in an
    order of chance, several in a message."""
    keys = stores.landing_keys()
    told = keys[-COPIES // 4 :] + chance.sample(keys, min(len(keys), COPIES))
    told = chance.sample(told * 2, len(told) * 2)
    queue_url, bucket = stores.deployed["queue_url"], stores.deployed["landing_bucket"]
    while told:
        count = chance.randint(1, 5)
        message, told = told[:count], told[count:]
        stores.sqs.send_message(QueueUrl=queue_url, MessageBody=event_of(bucket, message))


def event_of(bucket: str, keys: Sequence[str]) -> str:
    """S3's notification of objects that were put.

    Form: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html.
    """
    records = [
        {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "eventTime": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "eventName": "ObjectCreated:Put",
            "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": bucket}, "object": {"key": quote(key)}},
        }
        for key in keys
    ]
    return json.dumps({"Records": records})
