"""The bootstrap stack against the engine: by whom it may be changed, and by whom it need not be."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from shutil import copytree

import pytest
from botocore.exceptions import ClientError

from ops.deploy.aws import Clients
from ops.deploy.bootstrap import deploy_bootstrap
from ops.deploy.errors import DeployError
from ops.deploy.surroundings import Deployment
from ops.stacks import TEMPLATES
from tests.support.engine import RunningEngine, running_engine
from tests.unit.ops.fake_deployment import FakeHttp, FakeSnowflake


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngine]:
    with running_engine(tmp_path_factory.mktemp("engine")) as running:
        yield running


def denied(**_: object) -> None:
    message = "User: arn:aws:sts::1:assumed-role/sluice-dev-deploy/x is not authorized to perform: cloudformation:…"
    raise ClientError({"Error": {"Code": "AccessDenied", "Message": message}}, "…")


def stage(
    engine: RunningEngine,
    *,
    administrator: bool,
    parameters: Mapping[str, str] | None = None,
    templates: Path = TEMPLATES,
    name: str = "dev",
) -> Deployment:
    aws = Clients(engine.session, engine.engine.url)
    if not administrator:
        for operation in ("CreateStack", "UpdateStack", "DeleteStack"):
            aws.cloudformation("bootstrap").meta.events.register(f"before-call.cloudformation.{operation}", denied)
    return Deployment(
        stage=name,
        parameters=parameters or {},
        aws=aws,
        connect=FakeSnowflake,
        http=FakeHttp([(0, b"")]),
        say=print,
        templates=templates,
    )


def other_templates(folder: Path, old: str, new: str) -> Path:
    templates = copytree(TEMPLATES, folder / "templates")
    bootstrap = templates / "bootstrap.yaml"
    text = bootstrap.read_text(encoding="utf-8")
    assert old in text
    bootstrap.write_text(text.replace(old, new, 1), encoding="utf-8")
    return templates


@pytest.fixture(scope="module")
def _bootstrapped(engine: RunningEngine) -> None:
    assert deploy_bootstrap(stage(engine, administrator=True)) == "created"


@pytest.mark.usefixtures("_bootstrapped")
@pytest.mark.parametrize("parameters", [{}, {"ImagesKept": "30", "BufferSeconds": "60"}])
def test_where_nothing_changes_no_right_to_change_is_needed(
    engine: RunningEngine, parameters: Mapping[str, str]
) -> None:
    deployment = stage(engine, administrator=False, parameters=parameters)
    assert deploy_bootstrap(deployment) == "no change"
    assert deployment.known["RepositoryName"] == "sluice-dev"


@pytest.mark.usefixtures("_bootstrapped")
def test_a_changed_parameter_takes_an_administrator(engine: RunningEngine) -> None:
    with pytest.raises(DeployError, match="takes an administrator"):
        deploy_bootstrap(stage(engine, administrator=False, parameters={"ImagesKept": "40"}))


@pytest.mark.usefixtures("_bootstrapped")
def test_a_changed_template_takes_an_administrator(engine: RunningEngine, tmp_path: Path) -> None:
    templates = other_templates(tmp_path, "Default: 30", "Default: 30  # one more")
    with pytest.raises(DeployError, match="takes an administrator"):
        deploy_bootstrap(stage(engine, administrator=False, templates=templates))


def test_a_new_stage_takes_an_administrator(engine: RunningEngine) -> None:
    with pytest.raises(DeployError, match="takes an administrator"):
        deploy_bootstrap(stage(engine, administrator=False, name="new"))


def test_a_value_taken_back_to_empty_is_a_change(engine: RunningEngine) -> None:
    provider = "arn:aws:iam::000000000000:oidc-provider/token.actions.githubusercontent.com"
    ci = {"GitHubRepository": "ada/sluice", "GitHubOidcProviderArn": provider}
    deploy_bootstrap(stage(engine, administrator=True, parameters=ci, name="ci"))
    assert deploy_bootstrap(stage(engine, administrator=False, name="ci")) == "no change", "it keeps what it was given"
    with pytest.raises(DeployError, match="takes an administrator"):
        deploy_bootstrap(stage(engine, administrator=False, parameters={"GitHubRepository": ""}, name="ci"))


def test_characters_beyond_ascii_are_no_change(engine: RunningEngine, tmp_path: Path) -> None:
    templates = other_templates(tmp_path, "Resources:", "# größer\nResources:")
    deploy_bootstrap(stage(engine, administrator=True, templates=templates, name="utf"))
    deployment = stage(engine, administrator=False, templates=templates, name="utf")

    def as_cloudformation_tells(parsed: dict[str, str], **_: object) -> None:
        parsed["TemplateBody"] = parsed["TemplateBody"].replace("ö", "?").replace("ß", "?")

    events = deployment.aws.cloudformation("bootstrap").meta.events
    events.register("after-call.cloudformation.GetTemplate", as_cloudformation_tells)
    assert deploy_bootstrap(deployment) == "no change"
