"""`python -m local_pipeline.rehearsal`: a stage is deployed, deployed again and destroyed, on this machine alone.

The steps are those of `sluice deploy` and `sluice destroy`, and so are the templates and the SQL. AWS is the embedded
engine, Snowflake the embedded one with a model for what it cannot run (`local_pipeline.rehearsal.snowflake`), and what
makes records move are the stand-ins of the local pipeline. What is not rehearsed: building and pushing the image (its
URI is made up, the function runs in the Lambda host), and everything that only the real services do: IAM's decisions,
KMS, time until something takes effect.
"""
