"""`sluice keys create|list|revoke`: who may send. A key is shown once, when it is made; only its hash is stored."""

import argparse
import json
import os
import re
import secrets
import sys
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from ops.credentials import SECRET_PREFIX, SHOWN, KeysError, added, describe, fingerprint, removed

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from ops.key_store import KeyStore

KEY_PREFIX = "sluice_"
"""So that a key in a log or a repository is known for what it is; scanners take `sk_` for other services'."""
RANDOM_BYTES = 32
_SOURCE = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"


def register(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    keys = commands.add_parser("keys", help="make, list and revoke API keys and webhook secrets")
    what = keys.add_subparsers(title="what to do", metavar="WHAT", required=True)
    create = what.add_parser("create", help="make a key, show it once, store its hash")
    create.add_argument("--webhook", action="store_true", help="a Standard Webhooks secret instead; stored as it is")
    create.add_argument(
        "--given", action="store_true", help="with --webhook: read the secret that the sender made, from standard input"
    )
    _add_places(create).add_argument("--print", action="store_true", help="store it nowhere; say the setting's JSON")
    listing = what.add_parser("list", help="sources, and the first digits of each hash")
    _add_places(listing)
    revoke = what.add_parser("revoke", help="remove one key")
    revoke.add_argument("--hash", required=True, type=_prefix, metavar="PREFIX", help="as `list` shows it")
    _add_places(revoke)
    for parser, run in ((create, _create), (listing, _list), (revoke, _revoke)):
        if parser is not listing:
            parser.add_argument("--source", required=True, type=_source, metavar="NAME", help="who sends with it")
        parser.set_defaults(run=lambda arguments, run=run: _told(run, arguments))


def _create(arguments: argparse.Namespace) -> None:
    shown, credential = _new(arguments)
    if arguments.print:
        _say(f"SLUICE_API_KEYS={json.dumps(added({}, arguments.source, credential))}")
    else:
        _store(arguments).edit(lambda credentials: added(credentials, arguments.source, credential))
        _say(f"Stored for {arguments.source} as {fingerprint(credential)[:SHOWN]}. A gateway takes it within seconds.")
    if shown:
        _say("It is shown this once:")
        print(shown)


def _new(arguments: argparse.Namespace) -> tuple[str | None, str]:
    """What is shown, and what is stored."""
    if arguments.given:
        if not arguments.webhook:
            raise KeysError("--given goes with --webhook: a key is made here")
        given = sys.stdin.readline().strip()
        if not given.startswith(SECRET_PREFIX):
            raise KeysError(f"a webhook secret begins with {SECRET_PREFIX}")
        return None, given
    if arguments.webhook:
        secret = SECRET_PREFIX + b64encode(secrets.token_bytes(RANDOM_BYTES)).decode()
        return secret, secret
    key = KEY_PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    return key, sha256(key.encode()).hexdigest()


def _list(arguments: argparse.Namespace) -> None:
    for line in describe(_store(arguments).read()):
        print(line)


def _revoke(arguments: argparse.Namespace) -> None:
    _store(arguments).edit(lambda credentials: removed(credentials, arguments.source, arguments.hash))
    _say(f"Revoked {arguments.hash} of {arguments.source}. Gateways that read a secret refuse it within 60 s.")


def _store(arguments: argparse.Namespace) -> "KeyStore":
    from ops.key_store import FileStore, SecretStore  # noqa: PLC0415 - no other command needs these

    if arguments.file is not None:
        return FileStore(arguments.file)
    import boto3  # noqa: PLC0415

    from ops.deploy.actions import existing_outputs  # noqa: PLC0415
    from ops.deploy.aws import Clients  # noqa: PLC0415
    from ops.stacks import stack_name  # noqa: PLC0415

    stage, aws = arguments.stage, Clients(boto3.Session(region_name=os.environ.get("AWS_REGION")))
    arn = existing_outputs(aws.cloudformation("gateway"), stack_name(stage, "gateway")).get("ApiKeysSecretArn")
    if arn is None:
        raise KeysError(f"the gateway of stage {stage} is not deployed here")
    return SecretStore(aws.secretsmanager, arn)


def _add_places(parser: argparse.ArgumentParser) -> "argparse._MutuallyExclusiveGroup":
    places = parser.add_mutually_exclusive_group(required=True)
    places.add_argument("--stage", type=_stage, help="in the secret of this stage")
    places.add_argument("--file", type=Path, help="in this file, for the setting SLUICE_API_KEYS")
    return places


def _told(run: Callable[[argparse.Namespace], None], arguments: argparse.Namespace) -> int:
    from ops.deploy.steps import CAUSES, one_line  # noqa: PLC0415 - no light import

    try:
        run(arguments)
    except BrokenPipeError:
        raise  # nobody reads what is printed: ops.cli ends quietly
    except CAUSES as error:
        _say(f"sluice: {one_line(error)}")
        return 1
    return 0


def _say(line: str) -> None:
    """To standard error: standard output is for the key alone, so that a shell can take it."""
    sys.stderr.write(f"{line}\n")


def _source(text: str) -> str:
    if not re.fullmatch(_SOURCE, text):
        raise argparse.ArgumentTypeError("1 to 64 letters, digits and any of _.- that begin with a letter or digit")
    return text


def _stage(text: str) -> str:
    from ops.deploy.names import STAGE_PATTERN  # noqa: PLC0415 - no light import

    if not re.fullmatch(STAGE_PATTERN, text):
        raise argparse.ArgumentTypeError("1 to 12 lower-case letters, digits and hyphens, starting with a letter")
    return text


def _prefix(text: str) -> str:
    if not re.fullmatch("[0-9a-f]{4,64}", text):
        raise argparse.ArgumentTypeError("4 to 64 digits of the hash, as `sluice keys list` shows them")
    return text
