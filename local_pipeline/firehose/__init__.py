"""A stand-in for Firehose: from the stream to files in the landing bucket, as the shipped delivery template says.

    python -m local_pipeline.firehose --parameter StreamArn=… --parameter LandingBucketArn=…

Like the service (Amazon Data Firehose Developer Guide: "Configure Amazon S3 object name format", "Understand custom
prefixes", "Amazon Data Firehose quota"): record data is concatenated verbatim; a file is written when the buffer's size
or age is reached, whichever is first; prefixes are evaluated at the arrival of a file's oldest record, in UTC; delivery
is at least once; failures are tried again for as long as the stream keeps the record, and nothing is dropped.

Unlike the service:
- One buffer for all shards, and files are written one after the other. The service's buffering is not documented closer
  than "hints" and may split or merge differently.
- The time in a file's name is that of its oldest record; the documentation does not say which time the suffix has.
- Records over 1,000 KiB go to the error prefix, in the form of the service's failed records. What the service does with
  such a record from a stream is not documented (1,000 KiB is its limit for PutRecord).
- The version in the name is always 1. No Lambda processors, format conversion, dynamic partitioning, encryption or
  CloudWatch logs; errors go to stderr.
- The service polls each shard once a second; this up to four times, less often when nothing comes.
"""
