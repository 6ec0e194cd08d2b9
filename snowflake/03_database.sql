USE ROLE SYSADMIN;

CREATE DATABASE IF NOT EXISTS <% database %>
    COMMENT = 'Sluice: records as they came over HTTP, and views on them';

-- Ownership moves once; run again, this changes nothing.
GRANT OWNERSHIP ON DATABASE <% database %> TO ROLE <% owner_role %> COPY CURRENT GRANTS;

USE ROLE <% owner_role %>;

CREATE SCHEMA IF NOT EXISTS <% database %>.RAW
    COMMENT = 'Landing stage, raw table, pipe and views';

-- Only the schema's owner grants on what is in it.
ALTER SCHEMA <% database %>.RAW ENABLE MANAGED ACCESS;

-- A schema of its own: its owner makes views and alerts there without any privilege on the records' schema. SYSADMIN
-- makes it, because it has a right on it in every run; a role without one could be told that it exists already.
USE ROLE SYSADMIN;

CREATE SCHEMA IF NOT EXISTS <% database %>.MONITORING
    COMMENT = 'What was loaded, how the pipe is, and the alerts on both';

GRANT OWNERSHIP ON SCHEMA <% database %>.MONITORING TO ROLE <% monitor_role %> COPY CURRENT GRANTS;
