"""A run: the pipeline, a gateway behind a proxy, the load and the faults, a quiet end, and the verdict."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

from tests.chaos import report
from tests.chaos.account import Account
from tests.chaos.breach import Breach
from tests.chaos.clients import Load
from tests.chaos.faults import Faults
from tests.chaos.replays import Replays
from tests.chaos.schedule import Kind, Plan, Way
from tests.chaos.seen import Seen, look, reconcile, wait_until_quiet
from tests.chaos.verdict import accepted_ids, breaches, told_of
from tests.support.local_pipeline import LocalPipeline, running
from tests.support.second_gateway import behind_proxy
from tests.support.stores import Stores, behind_http_api, under_uvicorn
from tests.support.transports import Client, GatewayProcess

Say = Callable[[str], None]
LOAD_SECONDS = 1_800.0
QUIET_TAIL_SECONDS = 3.0
QUIET_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run found."""

    breaches: Sequence[Breach]
    seen: Seen
    begun: Sequence[Kind]


def run(plan: Plan, home: Path, say: Say) -> Outcome:
    """Carry out `plan` with a pipeline of its own below `home`, which is left as it ended."""
    for line in report.plan_lines(plan):
        say(line)
    with running(home) as pipeline, behind_proxy(pipeline, home, seed=plan.seed) as (own, proxy):
        began = datetime.now(UTC)
        faults = Faults(pipeline, own, proxy, Replays(own.environment, pipeline.deployed(), home), say)
        account = _under_load(plan, pipeline, own, faults, say)
        say(report.faults_line(faults.begun))
        time.sleep(QUIET_TAIL_SECONDS)
        return _judge(pipeline, account, faults, began, say)


def _under_load(plan: Plan, pipeline: LocalPipeline, own: GatewayProcess, faults: Faults, say: Say) -> Account:
    account, loaded = Account(), Event()
    ways: Mapping[Way, Client] = {
        Way.OWN: own.client,
        Way.PIPELINE: under_uvicorn(pipeline),
        Way.API: behind_http_api(pipeline),
    }
    began = time.monotonic()
    load = Load(ways, account, plan.steps, plan.seed, give_up=began + LOAD_SECONDS)
    with ThreadPoolExecutor(1, "faults") as conductor:
        conducted = conductor.submit(faults.run, plan.faults, lambda: load.share_sent, loaded)
        conducted.add_done_callback(lambda done: load.stop() if done.exception() else None)
        try:
            load.run()
        except BaseException:
            faults.give_up()
            raise
        finally:
            loaded.set()
        say(f"all sent after {time.monotonic() - began:.0f} s")
        conducted.result()
    for line in report.account_lines(account):
        say(line)
    return account


def _judge(pipeline: LocalPipeline, account: Account, faults: Faults, began: datetime, say: Say) -> Outcome:
    replay = faults.replays.finish()
    stores, since = Stores(pipeline), time.monotonic()
    at_least = len(accepted_ids(told_of(account)))
    quiet = wait_until_quiet(stores, at_least, QUIET_SECONDS, say)
    say(f"{'quiet' if quiet else 'NOT quiet'} {time.monotonic() - since:.0f} s later")
    ended = datetime.now(UTC)
    seen = look(stores, reconcile(pipeline, began, ended), replay, faults.effects(), quiet=quiet)
    for line in report.seen_lines(seen):
        say(line)
    return Outcome(breaches(account, seen), seen, faults.begun)
