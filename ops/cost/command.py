"""`sluice cost`: what a workload costs a month, sent in three ways, and from where on another way is cheaper."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ops.cost.errors import CostError
from ops.cost.workload import ARCHITECTURES, EDITIONS, MODES, Setup, Workload

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def register(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("cost", help="what a workload costs a month, and the break-even points")
    _register_workload(parser.add_argument_group("what comes in"))
    _register_setup(parser.add_argument_group("the stage"))
    parser.add_argument(
        "--region", default="us-east-1", help="whose prices (default us-east-1); ops/cost/prices has them"
    )
    parser.add_argument("--json", action="store_true", help="for programs: every charge, not rounded")
    parser.add_argument("--plot", type=_svg, metavar="FILE.svg", help="also draw cost against batch size and buffer")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the report; the exit status is 1 for what the gateway or AWS would not take."""
    from ops.cost import plot, price_list, report  # noqa: PLC0415 - no other command needs them
    from ops.cost.study import study  # noqa: PLC0415

    try:
        prices = price_list.load(arguments.region)
        found = study(workload_of(arguments), setup_of(arguments), prices)
        if arguments.plot is not None:
            drawn = plot.draw(found)
            arguments.plot.write_text(drawn, encoding="utf-8")
    except (CostError, OSError) as error:
        sys.stderr.write(f"sluice: {error}\n")
        return 1
    said = json.dumps(report.document(found), indent=2) + "\n" if arguments.json else report.text(found)
    sys.stdout.write(said)
    return 0


def _register_workload(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--rate", type=float, required=True, metavar="N", help="records a second, the month's mean")
    group.add_argument("--size", type=int, default=Workload(1).size, metavar="BYTES", help="of a record (default 300)")
    group.add_argument("--batch", type=int, default=500, metavar="N", help="records a request (default 500)")
    group.add_argument(
        "--rejected", type=_share, default=0.0, metavar="SHARE", help="of records, such as 1%% (default 0)"
    )
    group.add_argument("--spilled", type=_share, default=0.0, metavar="SHARE", help="of requests (default 0)")
    group.add_argument(
        "--peak", type=float, default=2.0, metavar="TIMES", help="the busiest seconds over the mean (default 2)"
    )
    group.add_argument(
        "--source", default="shop", metavar="NAME", help="who sends; its name is in every line (default shop)"
    )
    group.add_argument("--schema", metavar="NAME/VERSION", help="that records obey; its name is in every line")
    group.add_argument(
        "--clients", choices=("internet", "region"), default="internet", help="where answers go (default internet)"
    )


def _register_setup(group: argparse._ArgumentGroup) -> None:
    usual = Setup()
    group.add_argument("--mode", choices=MODES, default=usual.mode, help="of the stream (default provisioned)")
    group.add_argument("--shards", type=int, metavar="N", help="that stand ready (default: as many as the peak needs)")
    group.add_argument(
        "--lanes", type=int, default=usual.lanes, metavar="N", help=f"that lines are packed in (default {usual.lanes})"
    )
    group.add_argument(
        "--buffer-mb", type=int, default=usual.buffer_mib, metavar="MIB", help="Firehose's, 1 to 128 (default 64)"
    )
    group.add_argument(
        "--buffer-seconds", type=int, default=usual.buffer_seconds, metavar="S", help="0 to 900 (default 60)"
    )
    group.add_argument(
        "--compression", type=float, default=usual.compression, metavar="TIMES", help="of files (default 1: none)"
    )
    group.add_argument(
        "--stream-hours", type=int, default=usual.stream_hours, metavar="H", help="24 to 168 (default 24)"
    )
    group.add_argument(
        "--landing-days", type=float, default=usual.landing_days, metavar="D", help="files are kept (default 30)"
    )
    group.add_argument(
        "--rejected-days", type=float, default=usual.rejected_days, metavar="D", help="error objects (default 90)"
    )
    group.add_argument("--log-days", type=float, default=usual.log_days, metavar="D", help="logs (default 90)")
    group.add_argument("--architecture", choices=ARCHITECTURES, default=usual.architecture, help="(default x86_64)")
    group.add_argument(
        "--memory", type=int, default=usual.memory_mib, metavar="MIB", help="the function's (default 1769)"
    )
    group.add_argument(
        "--lambda-ms", type=float, default=usual.milliseconds, metavar="MS", help="a request (default 15, assumed)"
    )
    group.add_argument(
        "--lambda-ms-per-record",
        type=float,
        default=usual.milliseconds_per_record,
        metavar="MS",
        help="and for each record (default 0.02, assumed)",
    )
    group.add_argument(
        "--drain-minutes",
        type=int,
        default=usual.drain_minutes,
        metavar="M",
        help="a run of the drain each (default 1)",
    )
    group.add_argument(
        "--drain-memory", type=int, default=usual.drain_memory_mib, metavar="MIB", help="the drain's (default 512)"
    )
    group.add_argument("--edition", choices=EDITIONS, default=usual.edition, help="of Snowflake (default standard)")


def workload_of(arguments: argparse.Namespace) -> Workload:
    """What comes in, as it was asked for.

    Raises:
        WorkloadError: the gateway would not take it.
    """
    return Workload(
        rate=arguments.rate,
        size=arguments.size,
        batch=arguments.batch,
        rejected=arguments.rejected,
        spilled=arguments.spilled,
        peak=arguments.peak,
        source=arguments.source,
        schema=arguments.schema,
        over_internet=arguments.clients == "internet",
    )


def setup_of(arguments: argparse.Namespace) -> Setup:
    """The stage, as it was asked for.

    Raises:
        WorkloadError: there is no such stage.
    """
    return Setup(
        mode=arguments.mode,
        shards=arguments.shards,
        lanes=arguments.lanes,
        buffer_mib=arguments.buffer_mb,
        buffer_seconds=arguments.buffer_seconds,
        compression=arguments.compression,
        stream_hours=arguments.stream_hours,
        landing_days=arguments.landing_days,
        rejected_days=arguments.rejected_days,
        log_days=arguments.log_days,
        architecture=arguments.architecture,
        memory_mib=arguments.memory,
        milliseconds=arguments.lambda_ms,
        milliseconds_per_record=arguments.lambda_ms_per_record,
        drain_minutes=arguments.drain_minutes,
        drain_memory_mib=arguments.drain_memory,
        edition=arguments.edition,
    )


def _share(text: str) -> float:
    try:
        return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a share such as 1% or 0.01, not {text!r}") from None


def _svg(text: str) -> Path:
    if not text.endswith(".svg"):
        raise argparse.ArgumentTypeError(f"the plot is an SVG: name it FILE.svg, not {text!r}")
    return Path(text)
