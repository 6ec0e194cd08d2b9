-- For queries and for snowflake/verify only: Snowpipe and the alerts bring their own compute.
USE ROLE SYSADMIN;

CREATE WAREHOUSE IF NOT EXISTS <% warehouse %>
    WAREHOUSE_SIZE = XSMALL
    AUTO_SUSPEND = 60
    AUTO_RESUME = TRUE
    INITIALLY_SUSPENDED = TRUE
    COMMENT = 'Sluice: queries on the raw table and the views';

GRANT USAGE ON WAREHOUSE <% warehouse %> TO ROLE <% owner_role %>;
GRANT USAGE ON WAREHOUSE <% warehouse %> TO ROLE <% loader_role %>;
GRANT USAGE ON WAREHOUSE <% warehouse %> TO ROLE <% reader_role %>;
GRANT USAGE ON WAREHOUSE <% warehouse %> TO ROLE <% monitor_role %>;
