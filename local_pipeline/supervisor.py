"""Bring the pipeline up, keep it up, take it down: the processes behind `sluice up`.

The order up: the engine, then the stacks in it, the warehouse and its SQL beside them, then everything that needs
both. The order down is the way a record takes, so that what is in flight arrives: the gateway first, the engine
last, which saves its memory then.
"""

import asyncio
import math
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Sequence

from local_pipeline.engine import EngineError
from local_pipeline.home import Home, HomeError, HomeLock, Running
from local_pipeline.plan import PROVISION, Plan, ShippedFiles
from local_pipeline.processes import POLL_SECONDS, Child, Command, StartError

START_SECONDS = 60.0
STOP_SECONDS = 9.0
FIRST_BACKOFF_SECONDS = 0.2
LAST_BACKOFF_SECONDS = 5.0
HEALTHY_SECONDS = 10.0
FIRST_FREE_PORT, LAST_PORT = 1024, 65535  # the ones below need privileges
ANOTHER_PORT = 8001
STOP_ORDER = ((PROVISION, "gateway", "lambda"), ("snowpipe", "firehose"), ("warehouse",))

Say = Callable[[str], None]


class Supervisor:
    """One pipeline in one home. `run` returns the exit status of `sluice up`."""

    def __init__(self, home: Home, plan: Plan, say: Say) -> None:
        self._home = home
        self._plan = plan
        self._say = say
        self._children: dict[str, Child] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._stop = asyncio.Event()
        self._status = 0

    async def run(self) -> int:
        """Start everything, serve until a signal, stop everything."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._stop.set)
        try:
            if await self._unless_stopped(self._bring_up()):
                self._keepers = [asyncio.create_task(self._keep(child)) for child in self._children.values()]
                self._say(self._plan.greeting(self._running()))
                await self._stop.wait()
        except (StartError, EngineError) as error:
            self._fail(str(error))
        finally:
            await self._take_down()
        return self._status

    async def _bring_up(self) -> None:
        await asyncio.gather(self._bring_up_aws(), self._bring_up_warehouse())
        for command in self._plan.ways_in():
            await self._bring_up_all([command])

    async def _bring_up_aws(self) -> None:
        await self._bring_up_engine()
        await self._bring_up_all(self._plan.workers())

    async def _bring_up_engine(self) -> None:
        engine = await self._start(self._plan.engine())
        await (await self._start(self._plan.provision())).wait_until_done()
        del self._children[PROVISION]
        if not self._plan.engine_has_saved():
            # It saves only when it ends well: once at the beginning, so that kill -9 never takes the stacks.
            await engine.stop(math.inf)
            await (await self._start(self._plan.engine())).wait_until_ready(START_SECONDS)

    async def _bring_up_warehouse(self) -> None:
        await self._bring_up_all([self._plan.warehouse()])

    async def _bring_up_all(self, commands: Sequence[Command]) -> None:
        children = [await self._start(command) for command in commands]
        await asyncio.gather(*(child.wait_until_ready(START_SECONDS) for child in children))

    async def _start(self, command: Command) -> Child:
        child = await Child.start(command, self._home.log(command.name))
        self._children[command.name] = child
        self._home.write_running(self._running())
        return child

    async def _unless_stopped(self, work: Awaitable[None]) -> bool:
        """Whether `work` was finished before a signal came; what is left of it is given up."""
        working = asyncio.ensure_future(work)
        others = (asyncio.ensure_future(self._stop.wait()), asyncio.ensure_future(self._first_death()))
        try:
            done, _ = await asyncio.wait({working, *others}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (working, *others):
                task.cancel()
            await asyncio.gather(working, *others, return_exceptions=True)
        return working in done

    async def _first_death(self) -> None:
        while True:
            for child in self._children.values():
                if child.command.name != PROVISION:
                    child.check_alive()
            await asyncio.sleep(POLL_SECONDS)

    async def _keep(self, child: Child) -> None:
        """Start a process again whenever it ends; without the engine's memory nothing can go on."""
        backoff = FIRST_BACKOFF_SECONDS
        name = child.command.name
        while True:
            started = time.monotonic()
            status = await child.wait()
            if name == "engine":
                self._fail(f"the engine (pid {child.pid}) ended ({_how(status)}), and with it what it held: stopping")
                self._stop.set()
                return
            if time.monotonic() - started > HEALTHY_SECONDS:
                backoff = FIRST_BACKOFF_SECONDS
            self._say(f"sluice: {name} (pid {child.pid}) ended ({_how(status)}); starting it again in {backoff:.1f} s")
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, LAST_BACKOFF_SECONDS)
            child = await Child.start(child.command, self._home.log(name), anew=False)
            self._children[name] = child
            self._home.write_running(self._running())

    async def _take_down(self) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        self._plan.stop_listening()
        give_up = time.monotonic() + STOP_SECONDS
        for names in STOP_ORDER:
            await asyncio.gather(*(self._children[name].stop(give_up) for name in names if name in self._children))
        if engine := self._children.get("engine"):
            await engine.stop(math.inf)
        self._home.no_longer_running()

    def _running(self) -> dict[str, Running]:
        return {name: Running(child.pid, child.command.url) for name, child in self._children.items()}

    def _fail(self, message: str) -> None:
        self._status = 1
        self._say(f"sluice: {message}")


def up(port: int, sources: ShippedFiles) -> int:
    """Run a pipeline with its gateway on 127.0.0.1:`port`, 0 for a free one; the exit status."""
    home = Home.from_environment()
    lock = HomeLock(home)
    try:
        lock.acquire()
        listener = listen(port)
    except (HomeError, StartError) as error:
        _say(f"sluice: {error}")
        return 1
    status = asyncio.run(Supervisor(home, Plan(home, sources, lock, listener), _say).run())
    if status == 0:
        _say("sluice: stopped; every process has ended, the state is kept")
    lock.release()
    return status


def listen(port: int) -> socket.socket:
    """The gateway's port, taken before anything is started and kept while the gateway is started again.

    Raises:
        StartError: the port cannot be had.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(2048)
    except (OSError, OverflowError) as error:
        listener.close()
        raise StartError(
            f"port {port} on 127.0.0.1 cannot be used ({error}); choose another: make run PORT={_another(port)}"
        ) from None
    return listener


def _another(port: int) -> int:
    return port + 1 if FIRST_FREE_PORT <= port < LAST_PORT else ANOTHER_PORT


def _how(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"


def _say(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:  # nobody reads any more; serving goes on
        sys.stdout = sys.stderr
