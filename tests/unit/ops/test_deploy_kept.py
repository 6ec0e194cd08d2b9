"""Whose a resource is: by its tag, else by a name that CloudFormation made."""

import pytest

from ops.deploy.kept import belongs


@pytest.mark.parametrize(
    "name",
    [
        "sluice-dev-storage-landingbucket-1abc2def",
        "sluice-dev-storage-Stream-1ABC2DEF",
        "sluice-dev-gateway-GatewayLogs-1ABC2DEF",
        "sluice-dev-gateway-61c896d9",
        "sluice-dev-snowflake-access-PipeErrors-1ABC",
    ],
)
def test_names_of_the_stage(name: str) -> None:
    assert belongs("dev", name, {})


@pytest.mark.parametrize(
    "name",
    [
        "sluice-dev-storage-storage-landingbucket-1abc2def",
        "sluice-dev-gateway-storage-Stream-1ABC2DEF",
        "sluice-dev-gateway-gateway-61c896d9",
        "sluice-dev2-storage-landingbucket-1abc2def",
        "sluice-prod-storage-landingbucket-1abc2def",
        "my-sluice-dev-storage-landingbucket-1abc2def",
        "sluice-dev-backup",
        "sluice-dev-delivery",
    ],
)
def test_names_of_others(name: str) -> None:
    assert not belongs("dev", name, {})


def test_the_tag_decides() -> None:
    name = "sluice-dev-storage-landingbucket-1abc2def"
    assert not belongs("dev", name, {"sluice:stage": "other"})
    assert belongs("dev", "anything", {"sluice:stage": "dev"})
    assert belongs("dev", name, {"team": "data"})
