"""What sources identify themselves with, as `sluice keys` changes and shows it. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256

from ops.deploy.errors import DeployError

SECRET_PREFIX = "whsec_"  # noqa: S105 - what Standard Webhooks begins a secret with
SHOWN = 8
"""Digits of a fingerprint, in a list."""


class KeysError(DeployError):
    """It cannot be done; the message is one line, without a key."""


def fingerprint(credential: str) -> str:
    """What a credential is called by: the hash of a key, or of a webhook secret."""
    return sha256(credential.encode()).hexdigest() if credential.startswith(SECRET_PREFIX) else credential


def describe(credentials: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """One line for each source."""
    for source, its in sorted(credentials.items()):
        hashes = [each for each in its if not each.startswith(SECRET_PREFIX)]
        hooks = [each for each in its if each.startswith(SECRET_PREFIX)]
        kinds = [_described(found, name) for name, found in (("key", hashes), ("webhook secret", hooks)) if found]
        yield f"{source}: {', '.join(kinds) or 'none'}"


def _described(credentials: Sequence[str], name: str) -> str:
    digits = ", ".join(fingerprint(each)[:SHOWN] for each in credentials)
    return f"{len(credentials)} {name}{'' if len(credentials) == 1 else 's'} ({digits})"


def added(credentials: Mapping[str, Sequence[str]], source: str, credential: str) -> dict[str, Sequence[str]]:
    """The credentials with one more. Pure."""
    return {**credentials, source: [*credentials.get(source, []), credential]}


def removed(credentials: Mapping[str, Sequence[str]], source: str, prefix: str) -> dict[str, Sequence[str]]:
    """The credentials less the one of `source` whose fingerprint begins so; a source without any goes.

    Raises:
        KeysError: that is not one.
    """
    its = credentials.get(source, [])
    found = [each for each in its if fingerprint(each).startswith(prefix)]
    if len(found) != 1:
        raise KeysError(f"{len(found) or 'none'} of the {len(its)} keys of {source} begin with {prefix}")
    left = [each for each in its if each not in found]
    others = {name: each for name, each in credentials.items() if name != source}
    return {**others, source: left} if left else others
