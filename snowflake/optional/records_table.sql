-- RECORDS as a table that Snowflake keeps up to date: not run by default. For when a query on the view takes too long,
-- because the view looks at every row of RAW_RECORDS each time. It costs a refresh by the warehouse every time there is
-- something new and TARGET_LAG has passed, and it is behind by up to that.
--   snow sql -f snowflake/optional/records_table.sql -D database=SLUICE -D warehouse=SLUICE_WH \
--       -D owner_role=SLUICE_OWNER -D reader_role=SLUICE_READER
-- QUALIFY ROW_NUMBER() … = 1 refreshes only what changed:
-- https://docs.snowflake.com/en/user-guide/dynamic-tables/refresh-optimization
-- It has another name than the view, which 09_views.sql makes again whenever it is run.
USE ROLE <% owner_role %>;

CREATE DYNAMIC TABLE IF NOT EXISTS <% database %>.RAW.RECORDS_TABLE
    TARGET_LAG = '15 minutes'
    WAREHOUSE = <% warehouse %>
    REFRESH_MODE = INCREMENTAL
    INITIALIZE = ON_CREATE
    COMMENT = 'One row per ingest_id, up to TARGET_LAG behind'
AS
SELECT
    payload,
    ingest_id,
    received_at,
    source,
    schema,
    file_name,
    file_row_number,
    loaded_at
FROM <% database %>.RAW.RAW_RECORDS
QUALIFY ROW_NUMBER() OVER (PARTITION BY ingest_id ORDER BY loaded_at, file_name, file_row_number) = 1;

GRANT SELECT ON DYNAMIC TABLE <% database %>.RAW.RECORDS_TABLE TO ROLE <% reader_role %>;
