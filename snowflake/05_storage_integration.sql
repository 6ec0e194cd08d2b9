-- The trust between Snowflake and the bucket; an account object, so it takes ACCOUNTADMIN.
-- The AWS role may not exist yet: its name is fixed by infra/cloudformation/snowflake-access.yaml, so its ARN is known.
-- Afterwards DESC INTEGRATION shows STORAGE_AWS_IAM_USER_ARN and STORAGE_AWS_EXTERNAL_ID, the parameters
-- SnowflakeUserArn and SnowflakeExternalId of that template. Never replace the integration: that changes the
-- external id and cuts every stage off.
USE ROLE ACCOUNTADMIN;

CREATE STORAGE INTEGRATION IF NOT EXISTS <% integration %>
    TYPE = EXTERNAL_STAGE
    STORAGE_PROVIDER = 'S3'
    ENABLED = TRUE
    STORAGE_AWS_ROLE_ARN = '<% snowflake_role_arn %>'
    STORAGE_ALLOWED_LOCATIONS = ('s3://<% landing_bucket %>/<% landing_prefix %>')
    COMMENT = 'Sluice: reads the landing bucket, nothing else';

GRANT USAGE ON INTEGRATION <% integration %> TO ROLE <% owner_role %>;
