"""The rehearsal's processes, started and ended from the thread that runs the steps."""

import asyncio
import math
import sys
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from local_pipeline.engine import Engine
from local_pipeline.home import Home
from local_pipeline.lambda_host import HANDLER
from local_pipeline.plan import environment_of, free_ports
from local_pipeline.probes import Probe, http_answers, port_accepts, started
from local_pipeline.processes import Child, Command

READY_SECONDS = 60.0
T = TypeVar("T")


class Processes:
    """Children of the event loop's thread: a child ends with the thread that started it.

    Attributes:
        engine: holds every stack but one.
        delivery_engine: takes the delivery stack: a delivery stream beside the data stream would slow that one down
            and write an object for each record.
    """

    def __init__(self, home: Home, loop: asyncio.AbstractEventLoop, functions: Sequence[str]) -> None:
        engine_port, delivery_port, warehouse_port, *function_ports = free_ports(3 + len(functions))
        self._home = home
        self._loop = loop
        self.warehouse_url = f"http://127.0.0.1:{warehouse_port}"
        self._hosts = {name: f"http://127.0.0.1:{port}" for name, port in zip(functions, function_ports, strict=True)}
        self.engine = Engine(engine_port, home.path / "engine", self._hosts)
        self.delivery_engine = Engine(delivery_port, home.path / "delivery-engine")
        self._children: dict[str, Child] = {}

    async def begin(self) -> None:
        """Start the engines and an empty warehouse."""
        await asyncio.gather(
            self._start(_engine("engine", self.engine)),
            self._start(_engine("delivery-engine", self.delivery_engine)),
            self._start(
                self._python(
                    "warehouse",
                    ["--port", self.warehouse_url.rpartition(":")[2], "--empty"],
                    http_answers(self.warehouse_url, "/health"),
                    module="warehouse_server",
                )
            ),
        )

    async def end(self) -> None:
        """Stop everything, the engines last."""
        for name in reversed(list(self._children)):
            await self._stop(name)

    def start_firehose(self, parameters: Mapping[str, str]) -> None:
        """The stand-in, with the values that the delivery stack was given."""
        arguments = [word for name, value in parameters.items() for word in ("--parameter", f"{name}={value}")]
        self._wait(self._start(self._python("firehose", arguments, started)))

    def start_snowpipe(self, queue_url: str, bucket: str, prefix: str) -> None:
        """The stand-in for the pipe that listens to `queue_url`."""
        arguments = [
            "--warehouse",
            self.warehouse_url,
            "--queue-url",
            queue_url,
            "--bucket",
            bucket,
            "--prefix",
            prefix,
        ]
        self._wait(self._start(self._python("snowpipe", arguments, started)))

    def start_lambda_host(self, name: str, function: str, handler: str = HANDLER) -> None:
        """The function as process `name`, with the environment that it has in the engine."""
        url = self._hosts[function]
        arguments = ["--port", url.rpartition(":")[2], "--function", function, "--handler", handler]
        self._wait(self._start(self._python(name, arguments, port_accepts(url), module="lambda_host")))

    def stop(self, name: str) -> None:
        """End one, if it runs."""
        self._wait(self._stop(name))

    def is_running(self, name: str) -> bool:
        """Whether it was started and has not ended."""
        return name in self._children and self._children[name].is_alive

    async def _start(self, command: Command) -> None:
        child = await Child.start(command, self._home.log(command.name))
        self._children[command.name] = child
        await child.wait_until_ready(READY_SECONDS)

    async def _stop(self, name: str) -> None:
        if child := self._children.pop(name, None):
            await child.stop(math.inf)

    def _wait(self, work: "Coroutine[Any, Any, T]") -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _python(self, name: str, arguments: Sequence[str], ready: Probe, *, module: str | None = None) -> Command:
        return Command(
            name,
            [sys.executable, "-m", f"local_pipeline.{module or name}", *arguments],
            environment_of(self.engine, self._home),
            ready,
        )


def _engine(name: str, engine: Engine) -> Command:
    return Command(
        name, engine.command, engine.environment, http_answers(engine.url, "/_ministack/health"), grace_seconds=30
    )
