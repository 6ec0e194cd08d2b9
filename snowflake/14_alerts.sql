-- Both send to the topic that the pipe's own errors go to. No WAREHOUSE: serverless.
-- https://docs.snowflake.com/en/sql-reference/sql/create-alert
-- IF NOT EXISTS, because a replaced alert forgets when it last ran: change one with ALTER ALERT … SET or MODIFY.
USE ROLE <% monitor_role %>;

-- Told twice rather than not at all: it looks back 15 minutes further than its last run, for a file that came into
-- COPY_HISTORY late. Before the first run that function is NULL or 1970, its reference says both.
CREATE ALERT IF NOT EXISTS <% database %>.MONITORING.FILES_NOT_LOADED
    SCHEDULE = '<% alert_minutes %> MINUTE'
    COMMENT = 'A file was skipped since the last look'
    IF (EXISTS (
        SELECT failed_at
        FROM <% database %>.MONITORING.FAILED_LOADS
        WHERE failed_at > DATEADD(
            MINUTE, -15, COALESCE(SNOWFLAKE.ALERT.LAST_SUCCESSFUL_SCHEDULED_TIME(), '1970-01-02'::TIMESTAMP_LTZ)
        )
    ))
    THEN
        CALL SYSTEM$SEND_SNOWFLAKE_NOTIFICATION(
            SNOWFLAKE.NOTIFICATION.APPLICATION_JSON(
                '{"alert": "FILES_NOT_LOADED", "look": "SELECT * FROM <% database %>.MONITORING.FAILED_LOADS"}'
            ),
            SNOWFLAKE.NOTIFICATION.INTEGRATION('<% error_integration %>')
        );

CREATE ALERT IF NOT EXISTS <% database %>.MONITORING.PIPE_IN_TROUBLE
    SCHEDULE = '<% alert_minutes %> MINUTE'
    COMMENT = 'The pipe does not run, is behind, or has loaded nothing for long; told again at each look'
    IF (EXISTS (
        SELECT trouble
        FROM <% database %>.MONITORING.PIPE_TROUBLE
    ))
    THEN
        CALL SYSTEM$SEND_SNOWFLAKE_NOTIFICATION(
            SNOWFLAKE.NOTIFICATION.APPLICATION_JSON(
                '{"alert": "PIPE_IN_TROUBLE", "look": "SELECT * FROM <% database %>.MONITORING.PIPE_TROUBLE"}'
            ),
            SNOWFLAKE.NOTIFICATION.INTEGRATION('<% error_integration %>')
        );

-- An alert is made suspended.
ALTER ALERT <% database %>.MONITORING.FILES_NOT_LOADED RESUME;
ALTER ALERT <% database %>.MONITORING.PIPE_IN_TROUBLE RESUME;
