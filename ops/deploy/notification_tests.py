"""S3 tries a queue whenever a bucket's notifications change. That message is no dead letter: it is taken out again."""

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

WAIT_SECONDS = 5
LONGEST_ROUNDS = 6
TEST_EVENT = "s3:TestEvent"
"""S3 User Guide, "Event message structure"."""


def remove_test_events(sqs: "SQSClient", queue: str) -> int:
    """Delete the test events of `queue`, waiting WAIT_SECONDS for one; how many. All else stays, visible as before."""
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    removed = 0
    for _ in range(LONGEST_ROUNDS):
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=WAIT_SECONDS).get(
            "Messages", []
        )
        tests = [message for message in messages if _is_test_event(message.get("Body", ""))]
        for message in messages:
            receipt = message["ReceiptHandle"]
            if message in tests:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=receipt)
            else:
                sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=0)
        removed += len(tests)
        if not tests and (removed or not messages):
            break
    return removed


def _is_test_event(body: str) -> bool:
    try:
        event = json.loads(body)
    except ValueError:
        return False
    return isinstance(event, dict) and event.get("Event") == TEST_EVENT
