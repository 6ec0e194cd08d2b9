-- Where the pipe tells of a file that it skipped, and the alerts of what they found: an SNS topic, no address needed.
-- https://docs.snowflake.com/en/sql-reference/sql/create-notification-integration-queue-outbound-aws
-- As with 05, topic and role may not exist yet: infra/cloudformation/snowflake-access.yaml fixes their names.
-- Afterwards DESC NOTIFICATION INTEGRATION shows SF_AWS_IAM_USER_ARN and SF_AWS_EXTERNAL_ID, that template's parameters
-- SnowflakeErrorsUserArn and SnowflakeErrorsExternalId. Never replace the integration: that changes the external id.
USE ROLE ACCOUNTADMIN;

CREATE NOTIFICATION INTEGRATION IF NOT EXISTS <% error_integration %>
    ENABLED = TRUE
    TYPE = QUEUE
    DIRECTION = OUTBOUND
    NOTIFICATION_PROVIDER = AWS_SNS
    AWS_SNS_TOPIC_ARN = '<% error_topic_arn %>'
    AWS_SNS_ROLE_ARN = '<% error_role_arn %>'
    COMMENT = 'Sluice: tells of files that were not loaded';

-- USAGE is what CREATE PIPE with this integration needs, and what sending through it needs:
-- https://docs.snowflake.com/en/user-guide/data-load-snowpipe-errors-sns
-- https://docs.snowflake.com/en/sql-reference/stored-procedures/system_send_snowflake_notification
GRANT USAGE ON INTEGRATION <% error_integration %> TO ROLE <% loader_role %>;
GRANT USAGE ON INTEGRATION <% error_integration %> TO ROLE <% monitor_role %>;
