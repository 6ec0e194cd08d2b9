USE ROLE <% owner_role %>;

-- What creating and running a pipe needs (Snowflake's table of privileges for Snowpipe), and no more.
GRANT USAGE ON DATABASE <% database %> TO ROLE <% loader_role %>;
GRANT USAGE, CREATE PIPE ON SCHEMA <% database %>.RAW TO ROLE <% loader_role %>;
GRANT USAGE ON STAGE <% database %>.RAW.LANDING_STAGE TO ROLE <% loader_role %>;
GRANT USAGE ON FILE FORMAT <% database %>.RAW.JSON_LINES TO ROLE <% loader_role %>;
GRANT SELECT, INSERT ON TABLE <% database %>.RAW.RAW_RECORDS TO ROLE <% loader_role %>;

GRANT USAGE ON DATABASE <% database %> TO ROLE <% reader_role %>;
GRANT USAGE ON SCHEMA <% database %>.RAW TO ROLE <% reader_role %>;
GRANT SELECT ON VIEW <% database %>.RAW.RECORDS TO ROLE <% reader_role %>;
GRANT SELECT ON VIEW <% database %>.RAW.LATEST_RECORDS TO ROLE <% reader_role %>;
