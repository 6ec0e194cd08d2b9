"""`sluice deploy` and `sluice destroy`: a stage in AWS and Snowflake, brought up and taken away step by step.

`plan` makes the list of steps from values alone; the steps reach AWS, Snowflake, the image tools and the user through
what `surroundings.Deployment` holds, so that the rehearsal (`local_pipeline.rehearsal`) runs the same steps.
"""
