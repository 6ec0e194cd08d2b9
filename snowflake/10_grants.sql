USE ROLE <% owner_role %>;

-- What creating and running a pipe needs (Snowflake's table of privileges for Snowpipe), and no more.
GRANT USAGE ON DATABASE <% database %> TO ROLE <% loader_role %>;
GRANT USAGE, CREATE PIPE ON SCHEMA <% database %>.RAW TO ROLE <% loader_role %>;
GRANT USAGE ON STAGE <% database %>.RAW.LANDING_STAGE TO ROLE <% loader_role %>;
GRANT USAGE ON FILE FORMAT <% database %>.RAW.JSON_LINES TO ROLE <% loader_role %>;
GRANT SELECT, INSERT ON TABLE <% database %>.RAW.RAW_RECORDS TO ROLE <% loader_role %>;

-- What COPY_HISTORY and SYSTEM$PIPE_STATUS need: any privilege on the table, and REFERENCES shows no row; MONITOR on
-- the pipe. A future grant, because a pipe that is replaced loses those it was given.
-- https://docs.snowflake.com/en/sql-reference/functions/copy_history
GRANT USAGE ON DATABASE <% database %> TO ROLE <% monitor_role %>;
GRANT USAGE ON SCHEMA <% database %>.RAW TO ROLE <% monitor_role %>;
GRANT REFERENCES ON TABLE <% database %>.RAW.RAW_RECORDS TO ROLE <% monitor_role %>;
GRANT MONITOR ON FUTURE PIPES IN SCHEMA <% database %>.RAW TO ROLE <% monitor_role %>;

GRANT USAGE ON DATABASE <% database %> TO ROLE <% reader_role %>;
GRANT USAGE ON SCHEMA <% database %>.RAW TO ROLE <% reader_role %>;
GRANT SELECT ON VIEW <% database %>.RAW.RECORDS TO ROLE <% reader_role %>;
GRANT SELECT ON VIEW <% database %>.RAW.LATEST_RECORDS TO ROLE <% reader_role %>;
