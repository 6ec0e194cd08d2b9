USE ROLE <% owner_role %>;

-- At least once: a record can stand here more than once, the views show it once.
-- Nothing here expires, and Time Travel is the account's default (1 day, at most 90 in Enterprise Edition): both are
-- choices to make with ALTER TABLE … SET DATA_RETENTION_TIME_IN_DAYS and a DELETE by received_at. No clustering key:
-- Snowpipe loads in the order of time, which is what queries cut by, and keys are for tables of terabytes:
-- https://docs.snowflake.com/en/user-guide/tables-clustering-keys
CREATE TABLE IF NOT EXISTS <% database %>.RAW.RAW_RECORDS (
    payload VARIANT NOT NULL COMMENT 'The record as it came',
    ingest_id VARCHAR NOT NULL COMMENT 'request_id-index, as in the answer to the client',
    received_at TIMESTAMP_TZ NOT NULL COMMENT 'When the gateway received the request',
    source VARCHAR NOT NULL COMMENT 'Whose key it was, or anonymous',
    schema VARCHAR COMMENT 'name/version it was validated against, or null',
    file_name VARCHAR NOT NULL COMMENT 'Landing file, path in the bucket',
    file_row_number NUMBER(38, 0) NOT NULL COMMENT 'Row in that file',
    loaded_at TIMESTAMP_LTZ NOT NULL COMMENT 'When Snowpipe began to read that file'
)
COMMENT = 'Every line of every landing file that was loaded';
