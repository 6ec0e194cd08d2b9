"""A run in words. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence

from tests.chaos.account import ACCEPTED, REJECTED, RETRY, Account
from tests.chaos.breach import Breach
from tests.chaos.schedule import Kind, Plan, Way
from tests.chaos.seen import Seen
from tests.chaos.verdict import told_of

MOST_CHARACTERS = 2_000


def plan_lines(plan: Plan) -> Iterator[str]:
    """What is going to happen."""
    requests = {step.number: step for step in plan.steps}.values()
    records = sum(request.records for request in requests)
    ways = Counter(request.way for request in requests)
    yield (
        f"chaos: seed {plan.seed}: {records:,} records in {len(requests):,} requests "
        f"({', '.join(f'{ways[way]} {way}' for way in Way)}), {len(plan.faults)} faults"
    )


def account_lines(account: Account) -> Iterator[str]:
    """What was sent, and what was answered."""
    told = told_of(account)
    final = Counter(
        ACCEPTED if ACCEPTED in each.statuses else REJECTED if REJECTED in each.statuses else RETRY
        for each in told.values()
    )
    answers = Counter(answer.status for posting in account.postings for answer in posting.answers)
    lost = Counter(why for posting in account.postings for why in posting.lost)
    unknown = sum(len(posting.records) for posting in account.postings if posting.lost and not posting.answers)
    yield f"answers: {', '.join(f'{count} x {status}' for status, count in sorted(answers.items()))}"
    yield f"tries without an answer: {', '.join(f'{count} x {why}' for why, count in sorted(lost.items())) or 'none'}"
    yield (
        f"ingest_ids answered: {final[ACCEPTED]:,} accepted, {final[REJECTED]:,} rejected, {final[RETRY]:,} only ever "
        f"retry; {unknown:,} records with an outcome unknown"
    )


def seen_lines(seen: Seen) -> Iterator[str]:
    """What was found."""
    landed = sum(map(len, seen.landed.values()))
    kept = sum(map(len, seen.kept.values()))
    yield (
        f"found: {len(seen.records):,} rows in RECORDS, {landed:,} lines in landing files, {kept:,} lines for "
        f"{len(seen.kept):,} ids in the error bucket, {len(seen.spilled)} spilled objects"
    )
    effects = seen.effects
    hits = ", ".join(f"{count} x {rule.operation} {rule.fault.value}" for rule, count in effects.hits.items())
    yield f"calls that met a fault: {hits or 'none'}"
    yield f"{effects.spilled:,} records were spilled, a breaker opened {effects.opened} times"
    yield (
        f"sluice replay: {len(seen.replayed):,} ids marked replayed, {effects.killed} runs killed; the last one's "
        f"exit status {seen.replay.status}, {seen.replay.output.partition(chr(10))[0]}"
    )
    yield f"sluice reconcile: exit status {seen.reconciled.status}"


def breach_lines(breaches: Sequence[Breach], most: int) -> Iterator[str]:
    """The breaches, `most` of each kind in full."""
    for what, count in Counter(breach.what for breach in breaches).items():
        yield f"BREACH {what}: {count}"
        for breach in [each for each in breaches if each.what is what][:most]:
            told = f"\n    told: {breach.told}" if breach.told else ""
            seen = f"\n    seen: {breach.seen[:MOST_CHARACTERS]}" if breach.seen else ""
            yield f"  {breach.about}{told}{seen}"
        if count > most:
            yield f"  … and {count - most} more"


def faults_line(begun: Sequence[Kind]) -> str:
    """How often each fault came."""
    counts = Counter(begun)
    return "faults: " + ", ".join(f"{counts[kind]} x {kind}" for kind in Kind if counts[kind])
