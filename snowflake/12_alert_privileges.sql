-- What the owner of a serverless alert needs; only ACCOUNTADMIN can grant it.
-- https://docs.snowflake.com/en/sql-reference/sql/alter-alert, access control requirements
USE ROLE ACCOUNTADMIN;

GRANT EXECUTE ALERT ON ACCOUNT TO ROLE <% monitor_role %>;

-- Inside a string, because our syntax check does not know this privilege. Without it every run of an alert would wake a
-- warehouse for a minute.
EXECUTE IMMEDIATE 'GRANT EXECUTE MANAGED ALERT ON ACCOUNT TO ROLE <% monitor_role %>';

-- LAST_SUCCESSFUL_SCHEDULED_TIME in 14_alerts.sql:
-- https://docs.snowflake.com/en/sql-reference/functions/last_successful_scheduled_time
GRANT DATABASE ROLE SNOWFLAKE.ALERT_VIEWER TO ROLE <% monitor_role %>;
