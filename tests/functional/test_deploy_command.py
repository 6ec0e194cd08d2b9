"""`sluice deploy` and `sluice destroy` as they are typed, against the engine: what they end with, and their status."""

import io
from collections.abc import Iterator, Sequence

import pytest

from local_pipeline.engine import REGION
from ops.cli import main
from ops.deploy.aws import Clients
from tests.support.engine import RunningEngine, running_engine


class Keyboard(io.StringIO):
    """A terminal that somebody has typed into."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngine]:
    with running_engine(tmp_path_factory.mktemp("engine")) as running:
        yield running


@pytest.fixture(autouse=True)
def _sign_on(engine: RunningEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the engine, with nobody at the terminal."""
    environment = {"AWS_ENDPOINT_URL": engine.engine.url, "AWS_REGION": REGION}
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    for name, value in (environment | keys).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO())


@pytest.fixture
def _storage(engine: RunningEngine, capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    aws = Clients(engine.session, engine.engine.url)
    assert main(["deploy", "--stage", "dev", "--only", "storage", "--yes"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "Done: storage."
    yield
    assert main(destroy("--yes", "--delete-data", "dev")) == 0
    assert aws.s3.list_buckets()["Buckets"] == []


def destroy(*arguments: str) -> Sequence[str]:
    return ["destroy", "--stage", "dev", "--skip-snowflake", *arguments]


def buckets(engine: RunningEngine) -> int:
    return len(Clients(engine.session, engine.engine.url).s3.list_buckets()["Buckets"])


@pytest.mark.usefixtures("_storage")
def test_data_that_was_to_go_and_stays_is_a_failure(
    engine: RunningEngine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = buckets(engine)
    assert main(destroy("--yes", "--delete-data", "prod")) == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "sluice: --delete-data takes the stage's name, dev; nothing was removed\n")

    assert main(destroy("--yes")) == 1
    said = capsys.readouterr()
    assert "The data stays." in said.out
    assert said.out.endswith("Nobody was there to answer: to remove it too, say --delete-data dev\n")

    monkeypatch.setattr("sys.stdin", Keyboard("no\n"))
    assert main(destroy()) == 0, "somebody keeps it on purpose"
    assert "The data stays." in capsys.readouterr().out
    assert buckets(engine) == before


def test_what_snowflake_has_is_not_known_before_it_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    main(["destroy", "--stage", "dev"])
    assert "  may be in Snowflake: SLUICE_DEV, SLUICE_DEV_WH" in capsys.readouterr().out


def test_snowflake_is_signed_on_to_before_the_question(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deploy", "--stage", "dev", "--from", "trust", "--connection", "no-such"]) == 1
    said = capsys.readouterr()
    assert "Begin?" not in said.out
    assert said.err.startswith("sluice: no connection to Snowflake: ")
    assert said.err.endswith(": write ~/.snowflake/connections.toml or set SNOWFLAKE_ACCOUNT (docs/deployment.md, 1)\n")
