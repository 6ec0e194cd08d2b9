-- Created once: replacing a pipe loses its load history, and with it the guard against loading a file twice.
-- IF NOT EXISTS silently ignores an edit of this file; README.md says how to change a pipe that exists.
-- ERROR_INTEGRATION tells of every file that is skipped; it needs ON_ERROR = SKIP_FILE:
-- https://docs.snowflake.com/en/user-guide/data-load-snowpipe-errors
USE ROLE <% loader_role %>;

CREATE PIPE IF NOT EXISTS <% database %>.RAW.RECORDS_PIPE
    AUTO_INGEST = TRUE
    ERROR_INTEGRATION = <% error_integration %>
    COMMENT = 'Landing bucket to raw table'
AS
COPY INTO <% database %>.RAW.RAW_RECORDS (
    payload, ingest_id, received_at, source, schema, file_name, file_row_number, loaded_at
)
FROM (
    SELECT
        $1:payload,
        $1:ingest_id::VARCHAR,
        $1:received_at::TIMESTAMP_TZ,
        $1:source::VARCHAR,
        $1:schema::VARCHAR,
        METADATA$FILENAME,
        METADATA$FILE_ROW_NUMBER,
        METADATA$START_SCAN_TIME
    FROM @<% database %>.RAW.LANDING_STAGE
)
PATTERN = '.*[.]json([.]gz)?'
FILE_FORMAT = (FORMAT_NAME = '<% database %>.RAW.JSON_LINES')
ON_ERROR = SKIP_FILE;
