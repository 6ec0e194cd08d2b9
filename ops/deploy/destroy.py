"""Takes a stage away: the stacks, then, each only when it is said, Snowflake's objects and the data.

Everything is looked up anew, so that a removal that broke off goes on where it stopped, and what outlived a stack that
is gone is found all the same.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ops.deploy.actions import existing_outputs, find_stack
from ops.deploy.kept import Kept, Services, kept, left_over
from ops.deploy.names import snowflake_names
from ops.deploy.surroundings import Confirm, Deployment
from ops.snowflake_sql import TEARDOWN_FILE, read_statements
from ops.stacks import BOOTSTRAP, STACKS, delete_stack, stack_name

if TYPE_CHECKING:
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_ecr.type_defs import ImageIdentifierTypeDef


class Removal:
    """One run of `sluice destroy`."""

    def __init__(self, deployment: Deployment, services: Services, confirm: Confirm, *, with_snowflake: bool) -> None:
        self._deployment = deployment
        self._services = services
        self._confirm = confirm
        self._with_snowflake = with_snowflake
        self._stage = deployment.stage
        self._say = deployment.say

    def run(self) -> bool:
        """Show, ask, remove; whether nothing is left but what the answers kept."""
        stacks = self._stacks()
        data = kept(self._services, self._stage)
        self._show(stacks, data)
        if stacks and not self._confirm.agrees("Remove these stacks? What holds data is asked about separately."):
            self._say("Nothing was removed.")
            return False
        for stack in stacks:
            if stack != BOOTSTRAP:
                self._remove_stack(stack)
        if self._with_snowflake:
            self._remove_snowflake()
        keeps = self._remove_data()
        if BOOTSTRAP in stacks:
            self._remove_images()
            self._remove_stack(BOOTSTRAP)
        return self._end(keeps)

    def _stacks(self) -> list[str]:
        """Those that exist, the last deployed first."""
        order = (*reversed(STACKS), BOOTSTRAP)
        aws = self._deployment.aws
        return [stack for stack in order if find_stack(aws.cloudformation(stack), stack_name(self._stage, stack))]

    def _show(self, stacks: Sequence[str], data: Sequence[Kept]) -> None:
        self._say(f"Stage {self._stage}.")
        self._say("Stacks to remove, in this order:" if stacks else "It has no stacks.")
        for stack in stacks:
            with_it = ", with every image in its repository" if stack == BOOTSTRAP else ""
            self._say(f"  {stack_name(self._stage, stack)}{with_it}")
        if data:
            self._say("Kept, unless you say otherwise further on:")
        for each in data:
            self._say(f"  {each.kind} {each.name}: {each.about}")
        if self._with_snowflake:
            self._say(f"  may be in Snowflake: {', '.join(self._names().values())}")

    def _remove_stack(self, stack: str) -> None:
        name = stack_name(self._stage, stack)
        self._say(f"Removing stack {name}")
        delete_stack(self._deployment.aws.cloudformation(stack), name)

    def _names(self) -> dict[str, str]:
        return {**snowflake_names(self._stage), **self._deployment.overrides}

    def _remove_snowflake(self) -> None:
        names = self._names()
        question = f"Database {names['database']} and all its records go, for ever. To say so, type the stage's name:"
        if not self._confirm.types("delete_snowflake", question, self._stage):
            self._say(f"Snowflake stays as it is. Later: run snowflake/{TEARDOWN_FILE}, or this again.")
            return
        for statement in read_statements(self._deployment.sql / TEARDOWN_FILE, names):
            self._deployment.snowflake.execute(statement)
        self._say(f"Snowflake: removed {', '.join(names.values())}")

    def _remove_data(self) -> bool:
        """Whether something is kept."""
        data = kept(self._services, self._stage)
        if not data:
            return False
        self._say("What holds data in AWS:")
        for each in data:
            self._say(f"  {each.kind} {each.name}: {each.about}")
        question = "All of this is deleted, records that are not loaded yet too. To say so, type the stage's name:"
        if not self._confirm.types("delete_data", question, self._stage):
            self._say("The data stays.")
            return True
        for each in data:
            self._say(f"  {each.kind} {each.name}: {each.remove()}")
        return False

    def _remove_images(self) -> None:
        ecr = self._deployment.aws.ecr
        outputs = existing_outputs(self._deployment.aws.cloudformation(BOOTSTRAP), stack_name(self._stage, BOOTSTRAP))
        if name := outputs.get("RepositoryName"):
            self._say(f"Repository {name}: {remove_images(ecr, name)} images removed")

    def _end(self, keeps: bool) -> bool:
        left = [f"stack {stack_name(self._stage, stack)}" for stack in self._stacks()]
        left += [f"{each.kind} {each.name}" for each in kept(self._services, self._stage)]
        other = left_over(self._services, self._stage)
        left += [each for each in other.there if not any(known.split()[-1] in each for known in left)]
        if other.listed:
            self._list("AWS's index of tags still lists these, which may be gone:", other.listed)
        if left:
            self._list(f"Still there of stage {self._stage}:", left)
            return keeps
        if not other.listed:
            self._say(f"Nothing in AWS carries the name or the tag of stage {self._stage} any more.")
        return True

    def _list(self, title: str, lines: Sequence[str]) -> None:
        self._say(title)
        for line in lines:
            self._say(f"  {line}")


def remove_images(ecr: "ECRClient", repository: str) -> int:
    """Remove every image, untagged ones too; how many."""
    count = 0
    while True:
        try:
            listed: Sequence[ImageIdentifierTypeDef] = ecr.list_images(repositoryName=repository)["imageIds"]
        except ClientError as error:
            if error.response["Error"].get("Code") == "RepositoryNotFoundException":
                return count
            raise
        digests = {image["imageDigest"] for image in listed if "imageDigest" in image}
        if not digests:
            return count
        ecr.batch_delete_image(
            repositoryName=repository, imageIds=[{"imageDigest": digest} for digest in sorted(digests)]
        )
        count += len(digests)
