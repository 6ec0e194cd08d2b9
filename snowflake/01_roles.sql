-- Four roles, each with no more than its work needs; all of them belong to SYSADMIN.
USE ROLE USERADMIN;

-- Owns the database and all in it except the pipe.
CREATE ROLE IF NOT EXISTS <% owner_role %>
    COMMENT = 'Sluice: owns the database, the stage, the raw table and the views';

-- Owns the pipe: reads the stage, inserts into the raw table, pauses, refreshes and watches the pipe.
CREATE ROLE IF NOT EXISTS <% loader_role %>
    COMMENT = 'Sluice: owns the pipe and loads the raw table';

-- Reads the views and nothing else.
CREATE ROLE IF NOT EXISTS <% reader_role %>
    COMMENT = 'Sluice: reads the views';

-- Owns the views on what was loaded, and the alerts. Sees no record.
CREATE ROLE IF NOT EXISTS <% monitor_role %>
    COMMENT = 'Sluice: watches the pipe and its loads';

GRANT ROLE <% owner_role %> TO ROLE SYSADMIN;
GRANT ROLE <% loader_role %> TO ROLE SYSADMIN;
GRANT ROLE <% reader_role %> TO ROLE SYSADMIN;
GRANT ROLE <% monitor_role %> TO ROLE SYSADMIN;
