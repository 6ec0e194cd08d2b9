"""A Locust process's part in a run: begins it, sends or adds up the counts, judges at the end."""

import json
import logging
import math
import os
import sys
import time
import uuid
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gevent
import locust
from gevent.event import Event
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from loadtest.arrivals import expected
from loadtest.load import Load, Plan
from loadtest.options import API_KEYS, limits_of, rate_of, scenario_of
from loadtest.tally import Tally
from loadtest.user import Shared
from loadtest.verdict import Run, Verdict, judge

REPORTING_SECONDS = 4.0
"""Workers report every 3 s (locust.runners.WORKER_REPORT_INTERVAL)."""
LAST_ANSWERS_SECONDS = 120.0
"""Three attempts of 35 s each, and then some."""
MESSAGE = "sluice"


class Session:
    """Listens to Locust's events in one process: a master, a worker, or both in one."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._began_at = ""
        self._began = self._ended = 0.0
        self._total = Tally()
        self._shared: Shared | None = None
        self._verdict: Verdict | None = None
        if self._options.headless_seconds:  # our table says it shorter
            logging.getLogger("locust.stats_logger").setLevel(logging.WARNING)
        events = environment.events
        events.test_start.add_listener(self._start)
        events.test_stopping.add_listener(self._stopping)
        events.test_stop.add_listener(self._stop)
        events.report_to_master.add_listener(self._report)
        events.worker_report.add_listener(self._add)
        events.quitting.add_listener(self._quit)

    @property
    def _options(self) -> Namespace:
        options: Namespace = self._environment.parsed_options
        return options

    @property
    def _is_worker(self) -> bool:
        return isinstance(self._environment.runner, WorkerRunner)

    def _start(self, **_: object) -> None:
        options, environment = self._options, self._environment
        if not self._is_worker:  # Locust sends a worker those options that are ours
            options.run_id = uuid.uuid4().hex
            options.total_users = options.num_users or 1
        plan = Plan(
            scenario_of(options),
            rate_of(options),
            options.total_users,
            options.seed,
            options.schema,
            options.run_id,
            tuple(filter(None, os.environ.get(API_KEYS, "").split(","))),
        )
        until = options.seconds if options.headless_seconds else math.inf
        load = Load(plan, getattr(environment.runner, "worker_index", 0), time.perf_counter)
        self._shared = environment.sluice = Shared(load, until, Event())
        self._began, self._ended, self._total, self._verdict = time.perf_counter(), 0.0, Tally(), None
        self._began_at = datetime.now(UTC).isoformat(timespec="seconds")
        if options.headless_seconds and not self._is_worker:
            gevent.spawn(self._end_after, options.seconds)

    def _end_after(self, seconds: float) -> None:
        """Without Locust's --run-time, which ends before the last answers are counted; users end by themselves."""
        gevent.sleep(seconds)
        self._ended = time.perf_counter()
        runner = self._environment.runner
        with gevent.Timeout(LAST_ANSWERS_SECONDS, exception=False):
            while runner.user_count:
                gevent.sleep(0.1)
        self._judge()
        runner.quit()

    def _stopping(self, **_: object) -> None:
        self._ended = self._ended or time.perf_counter()
        if self._shared:
            self._shared.stopping.set()

    def _stop(self, **_: object) -> None:
        """On Locust's page, where a run ends by a button or its time."""
        if not self._is_worker and not self._options.headless_seconds:
            self._judge()

    def _report(self, data: dict[str, Any], **_: object) -> None:
        if self._shared:
            data[MESSAGE] = self._shared.load.take_tally().as_message()

    def _add(self, data: dict[str, Any], **_: object) -> None:
        if MESSAGE in data:
            self._total.add(Tally.from_message(data[MESSAGE]))

    def _judge(self) -> None:
        if isinstance(self._environment.runner, MasterRunner):
            gevent.sleep(REPORTING_SECONDS)
        elif self._shared:
            self._total.add(self._shared.load.take_tally())
        options, scenario = self._options, scenario_of(self._options)
        ran = (self._ended or time.perf_counter()) - self._began
        runner = self._environment.runner
        seconds = round(min(ran, options.seconds) if options.headless_seconds else ran, 3)
        run = Run(
            scenario.name,
            self._environment.host or "",
            options.total_users,
            expected(rate_of(options), seconds, scenario.burst),
            seconds,
            options.seed,
            options.schema,
            self._began_at,
            locust.__version__,
            any(getattr(runner, name, False) for name in ("cpu_warning_emitted", "worker_cpu_warning_emitted")),
        )
        self._verdict = judge(run, limits_of(options, scenario), self._total)
        directory = Path(options.report_dir)
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / "verdict.json"
        path.write_text(json.dumps(self._verdict.document(), indent=2, ensure_ascii=False) + "\n")
        sys.stdout.write(f"\n{self._verdict.table()}\n  {'report':<10}{directory}/\n\n")
        sys.stdout.flush()

    def _quit(self, **_: object) -> None:
        if self._is_worker or self._shared is None:
            return
        if self._verdict is None:  # interrupted
            self._environment.runner.stop()
        if self._verdict is None:
            self._judge()
        self._environment.process_exit_code = 0 if self._verdict is not None and self._verdict.passed else 1
