"""`sluice reconcile` and `sluice reload` of a stage: its stacks, log, stream and buckets; Snowflake is a list."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from ops import cli
from ops.deploy import snowflake
from ops.warehouse import of_local_pipeline, of_stage
from tests.support.aws import session
from tests.support.reconciling import PREFIX, ListedSession, World, request

NOW = datetime.now(UTC)


@pytest.fixture
def world(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> World:
    """Behind the stacks of a stage, which is called like its stream's last digits."""
    made = World.make(endpoint)
    for name, value in made.aws.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(snowflake, "connect", lambda _stage, _connection: made.session)
    outputs = {
        "storage": {
            "StreamName": made.aws.stream,
            "ErrorBucketName": made.aws.bucket,
            "LandingBucketName": made.landing.bucket,
            "LandingPrefix": PREFIX,
        },
        "gateway": {"GatewayLogGroupName": made.group},
    }
    cloudformation = session().client("cloudformation", endpoint_url=endpoint)
    for stack, named in outputs.items():
        values = {name: {"Value": value} for name, value in named.items()}
        template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}, "Outputs": values}
        cloudformation.create_stack(StackName=f"sluice-{stage_of(made)}-{stack}", TemplateBody=json.dumps(template))
    return made


def stage_of(world: World) -> str:
    return f"s{world.aws.stream[-8:]}"


def test_a_stage_from_clean_to_broken_to_mended(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--stage", stage_of(world), "--set", "loader_role=LOADS"]
    now = datetime.now(UTC)
    world.go(request(4, now))
    command = ["reconcile", "--from", "-10m", "--settle", "0s", *where]

    assert cli.main(command) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[-1] == "Clean: 4 accepted, nothing is missing."
    assert printed.err == "", "no progress where there is no terminal"
    assert world.session.asked[:2] == ["USE ROLE LOADS", f"USE WAREHOUSE SLUICE_{stage_of(world).upper()}_WH"]

    sent = request(5, now, source="a\x1b[2Jb")
    world.answer(sent)
    world.stream(sent)
    key = world.land(sent, packed=True)
    world.skip(key, 3, "Error parsing \x1b[2J")

    assert cli.main([*command, "--ids", "2"]) == 1
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert told.count(f"{key} line ") == 2
    assert f"sluice reload {key} --stage {stage_of(world)} --set loader_role=LOADS" in told
    assert cli.main([*command, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [each["ingest_id"] for each in found["differences"]] == sent.ids
    assert [each["last_seen"]["line"] for each in found["differences"]] == [1, 2, 3, 4, 5]
    assert found["files"][0]["missing"] == found["overdue"]["not_loaded"] == 5
    assert cli.main(["reconcile", "--from", "-10m", *where]) == 0, "all of it settles"
    assert "5 moved less than 10m ago" in capsys.readouterr().out

    objects = set(world.aws.error_keys()), {each.key for each in world.landing.listed(PREFIX)}
    assert cli.main(["reload", key, *where]) == 0
    assert "Nothing was changed. --apply does it." in capsys.readouterr().out
    assert objects == (set(world.aws.error_keys()), {each.key for each in world.landing.listed(PREFIX)})
    for said in ("wrote", "an earlier run wrote"):
        assert cli.main(["reload", f"s3://{world.landing.bucket}/{key}", "--apply", *where]) == 0
        assert f"\n{said} s3://{world.landing.bucket}/" in capsys.readouterr().out
    [landed] = {each.key for each in world.landing.listed(PREFIX)} - objects[1]
    assert landed.endswith(".json.gz")
    assert world.landing.read(landed) == sent.part(0, 1, 3, 4).lines()
    [refused] = world.aws.error_objects(sent.origin.request_id)
    assert [line["ingest_id"] for line in refused.lines] == [sent.ids[2]]

    world.load(sent.part(0, 1, 3, 4), landed)
    assert cli.main(command) == 0
    told = capsys.readouterr().out
    assert "1 were refused by Snowflake" in told
    assert "nothing of it is missing" in told


def test_what_looks_clean_because_it_is_looked_for_in_the_wrong_place(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["reconcile", "--from", "-10m", "--settle", "0s", "--stage", stage_of(world)]
    assert cli.main(command) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "Clean: nothing was received."
    assert cli.main([*command, "--source", "nosuch"]) == 0
    sent = request(2, datetime.now(UTC))
    world.stream(sent)
    world.load(sent, world.land(sent))

    assert cli.main(command) == 2
    assert f"no receipts were found in the log group {world.group}, though 2 records" in capsys.readouterr().err
    assert cli.main([*command, "--source", "nosuch"]) == 2
    assert "nothing of source nosuch in this window; there are shop" in capsys.readouterr().err
    world.answer(sent)
    assert cli.main(command) == 0


def test_what_is_not_there_is_one_line(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--stage", stage_of(world)]
    assert cli.main(["reload", "records/none.json", *where]) == 1
    assert "there is no s3://" in capsys.readouterr().err
    assert cli.main(["reconcile", "--stage", "none"]) == 2
    assert capsys.readouterr().err.startswith("sluice: stack sluice-none-storage: ")
    assert cli.main(["reconcile", *where, "--from", "-400d", "--to", "-399d", "--no-stream"]) == 0
    world.log.put_retention_policy(logGroupName=world.group, retentionInDays=1)
    rule = {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": PREFIX}, "Expiration": {"Days": 10}}
    world.aws.s3.put_bucket_lifecycle_configuration(
        Bucket=world.landing.bucket,
        LifecycleConfiguration={"Rules": [rule]},  # type: ignore[list-item]
    )
    capsys.readouterr()
    assert cli.main(["reconcile", *where, "--from", "-40d", "--to", "-39d"]) == 2
    assert "nothing can be compared" in capsys.readouterr().err


def test_the_history_of_a_stage_is_snowflakes_own() -> None:
    asked = ListedSession()
    names = {"database": "DB", "loader_role": "LOADER", "warehouse": "WH"}
    of_stage(asked, names, PREFIX).loads(NOW - timedelta(days=30), NOW)
    *_, history = asked.asked
    assert "TABLE(DB.INFORMATION_SCHEMA.COPY_HISTORY(TABLE_NAME => 'DB.RAW.RAW_RECORDS', START_TIME => '" in history
    oldest = (NOW - timedelta(days=14)).strftime("%Y-%m-%dT%H:%M")
    assert history.split("START_TIME => '")[1][:16] > oldest


def test_a_file_has_the_key_that_the_bucket_knows() -> None:
    for name in ("dt=1/a.json", "/dt=1/a.json", "records/dt=1/a.json"):
        listed = ListedSession(loads=[(name, "Partially loaded", 1, None, 1, "no", 2, 5)])
        [load] = of_local_pipeline(listed, PREFIX).loads(NOW, NOW)
        assert (load.key, load.is_good, load.parsed) == ("records/dt=1/a.json", False, None)
