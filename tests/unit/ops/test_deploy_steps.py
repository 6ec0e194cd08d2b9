"""A run of steps: what is said, and that a failure ends it with what to do next."""

from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ProfileNotFound

from ops.deploy.actions import deploy_monitoring
from ops.deploy.bootstrap import deploy_bootstrap
from ops.deploy.errors import DeployError
from ops.deploy.main import ending
from ops.deploy.names import Account
from ops.deploy.plan import Options, plan
from ops.deploy.steps import Step, one_line, run_steps
from ops.deploy.surroundings import Deployment
from ops.deploy.terminal import stage_command
from ops.stacks import StackError
from tests.unit.ops.fake_deployment import make_deployment

DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "not\nyou"}}, "CreateStack")


def step(name: str, run: Callable[[Deployment], str], resume_at: str = "") -> Step:
    return Step(name, f"do {name}", run, f"mend {name}", resume_at=resume_at)


def failing(error: Exception) -> Callable[[Deployment], str]:
    def run(_: Deployment) -> str:
        raise error

    return run


@pytest.mark.parametrize("error", [DeployError("no"), StackError("no"), DENIED, NoCredentialsError(), OSError("no")])
def test_a_failure_says_which_step_why_and_what_next(error: Exception) -> None:
    said: list[str] = []
    steps = [step("one", lambda _: "done"), step("two", failing(error)), step("three", lambda _: "done")]
    assert not run_steps(steps, make_deployment(said=said), "sluice deploy --stage dev")
    assert said[:2] == ["[1/3] one: do one", "    done (0.0 s)"]
    assert said[3].startswith("[2/3] two failed: ")
    assert "\n" not in said[3]
    assert said[4:] == ["    What to do: mend two", "    Then go on with: sluice deploy --stage dev --from two"]


def test_what_came_from_an_earlier_step_is_made_again() -> None:
    said: list[str] = []
    assert not run_steps([step("two", failing(DENIED), "one")], make_deployment(said=said), "again")
    assert said[-1] == "    Then go on with: again --from one"


def test_where_steps_cannot_be_chosen_no_command_is_named() -> None:
    said: list[str] = []
    assert not run_steps([step("two", failing(DENIED))], make_deployment(said=said), None)
    assert said[-1] == "    What to do: mend two"


EXPIRED = ClientError({"Error": {"Code": "ExpiredToken", "Message": "The security token has expired."}}, "Get")


@pytest.mark.parametrize("error", [NoCredentialsError(), ProfileNotFound(profile="x"), EXPIRED])
def test_credentials_that_do_not_do_get_a_next_step(error: Exception) -> None:
    assert one_line(error).endswith(": set AWS_PROFILE or sign on with `aws sso login` (docs/deployment.md)")


def test_no_right_is_no_question_of_signing_on() -> None:
    assert "sso" not in one_line(DENIED)


def test_a_stage_is_deployed_by_its_smoke_test() -> None:
    storage, smoke = planned("storage"), planned("smoke-test")
    assert ending("dev", [storage], {}) == "Done: storage."
    assert (
        ending("dev", [storage, smoke], {"ApiEndpoint": "https://x"}) == "Stage dev is deployed: POST https://x/records"
    )


def test_a_fault_of_ours_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        run_steps([step("one", failing(ZeroDivisionError()))], make_deployment(), "again")


def test_whoever_watches_is_told_after_each_step_that_went_well() -> None:
    seen: list[str] = []
    steps = [step("one", lambda _: "done"), step("two", failing(DENIED))]
    run_steps(steps, make_deployment(), "again", after=lambda each: seen.append(each.name))
    assert seen == ["one"]


def test_without_snowflake_a_new_stage_has_no_alarms_and_is_told_so() -> None:
    assert deploy_monitoring(make_deployment()).startswith("left out")


def planned(name: str) -> Step:
    options = Options("my-stage", Account("1", "r"), {}, overrides={"database": "A B"})
    return next(step for step in plan(options) if step.name == name)


def test_the_bootstrap_is_not_changed_for_nothing() -> None:
    assert planned("bootstrap").run is deploy_bootstrap


@pytest.mark.parametrize("name", ["refresh", "smoke-test"])
def test_what_to_do_next_names_a_command_that_runs_as_it_is_printed(name: str) -> None:
    printed = stage_command("pipe", "my-stage", {"database": "A B"}, "status")
    assert "'database=A B'" in printed
    assert planned(name).if_it_fails.endswith(printed)
