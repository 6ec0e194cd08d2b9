-- What was loaded and how the pipe is. Views, so that an edit takes effect when this file is run again; the alerts in
-- 14_alerts.sql, which an edit of their file would not change, only ask whether two of them have rows.
USE ROLE <% owner_role %>;

-- For a pipe that was there before the future grant in 10_grants.sql.
GRANT MONITOR ON PIPE <% database %>.RAW.RECORDS_PIPE TO ROLE <% monitor_role %>;

USE ROLE <% monitor_role %>;

-- A row for each file of the last 13 days; COPY_HISTORY keeps 14, and of a pipe that was replaced nothing:
-- https://docs.snowflake.com/en/sql-reference/functions/copy_history
-- https://docs.snowflake.com/en/user-guide/data-load-snowpipe-manage
CREATE OR REPLACE VIEW <% database %>.MONITORING.LOADS
    COPY GRANTS
    COMMENT = 'Each file that Snowpipe loaded or skipped in the last 13 days, since the pipe was made or last replaced'
AS
SELECT
    file_name,
    status,
    row_count,
    row_parsed,
    error_count,
    first_error_message,
    first_error_line_number,
    file_size,
    pipe_received_time,
    last_load_time,
    DATEDIFF(SECOND, pipe_received_time, last_load_time) AS load_seconds
FROM TABLE(<% database %>.INFORMATION_SCHEMA.COPY_HISTORY(
    TABLE_NAME => '<% database %>.RAW.RAW_RECORDS',
    START_TIME => DATEADD(DAY, -13, CURRENT_TIMESTAMP())
));

CREATE OR REPLACE VIEW <% database %>.MONITORING.FAILED_LOADS
    COPY GRANTS
    COMMENT = 'Of LOADS, so since the pipe was made or last replaced: files that are not in the raw table as a whole'
AS
SELECT
    file_name,
    status,
    error_count,
    first_error_message,
    first_error_line_number,
    COALESCE(last_load_time, pipe_received_time) AS failed_at
FROM <% database %>.MONITORING.LOADS
WHERE status NOT IN ('Loaded', 'Load in progress');

-- https://docs.snowflake.com/en/sql-reference/functions/system_pipe_status; a member that does not apply is left out.
-- https://docs.snowflake.com/en/sql-reference/info-schema/pipes; seen by who may MONITOR the pipe.
CREATE OR REPLACE VIEW <% database %>.MONITORING.PIPE_STATE
    COPY GRANTS
    COMMENT = 'How the pipe is now'
AS
SELECT
    status:executionState::VARCHAR AS execution_state,
    status:pendingFileCount::NUMBER AS pending_files,
    status:oldestFileTimestamp::TIMESTAMP_LTZ AS oldest_pending_at,
    status:numOutstandingMessagesOnChannel::NUMBER AS outstanding_messages,
    status:lastReceivedMessageTimestamp::TIMESTAMP_LTZ AS last_message_at,
    status:lastIngestedTimestamp::TIMESTAMP_LTZ AS last_loaded_at,
    (
        SELECT MAX(pipes.created)
        FROM <% database %>.INFORMATION_SCHEMA.PIPES AS pipes
        WHERE pipes.pipe_schema = 'RAW' AND pipes.pipe_name = 'RECORDS_PIPE'
    ) AS made_at,
    COALESCE(status:error, status:fault)::VARCHAR AS error
FROM (SELECT PARSE_JSON(SYSTEM$PIPE_STATUS('<% database %>.RAW.RECORDS_PIPE')) AS status) AS asked;

-- A pipe that grows behind has an old pending file, so its age says what a count would say only against an earlier one.
CREATE OR REPLACE VIEW <% database %>.MONITORING.PIPE_TROUBLE
    COPY GRANTS
    COMMENT = 'A row for each thing that is wrong with the pipe now; no row, no trouble'
AS
SELECT
    'not running' AS trouble,
    COALESCE(execution_state, 'unknown') || COALESCE(': ' || error, '') AS detail
FROM <% database %>.MONITORING.PIPE_STATE
WHERE COALESCE(execution_state, 'unknown') <> 'RUNNING'
UNION ALL
SELECT
    'a file waits for more than <% alert_pending_minutes %> minutes' AS trouble,
    pending_files || ' pending, the oldest since ' || oldest_pending_at AS detail
FROM <% database %>.MONITORING.PIPE_STATE
WHERE oldest_pending_at < DATEADD(MINUTE, -<% alert_pending_minutes %>, CURRENT_TIMESTAMP())
UNION ALL
SELECT
    'nothing loaded for more than <% alert_quiet_hours %> hours' AS trouble,
    COALESCE('the last file at ' || last_loaded_at, 'none since the pipe was made at ' || made_at) AS detail
FROM <% database %>.MONITORING.PIPE_STATE
WHERE COALESCE(last_loaded_at, made_at) < DATEADD(HOUR, -<% alert_quiet_hours %>, CURRENT_TIMESTAMP());
