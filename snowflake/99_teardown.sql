-- Removes everything the numbered files made, data included. The bucket and its files stay.
USE ROLE <% loader_role %>;
ALTER PIPE IF EXISTS <% database %>.RAW.RECORDS_PIPE SET PIPE_EXECUTION_PAUSED = TRUE;
DROP PIPE IF EXISTS <% database %>.RAW.RECORDS_PIPE;

USE ROLE <% owner_role %>;
DROP DATABASE IF EXISTS <% database %>;

USE ROLE ACCOUNTADMIN;
DROP INTEGRATION IF EXISTS <% integration %>;

USE ROLE SYSADMIN;
DROP WAREHOUSE IF EXISTS <% warehouse %>;

USE ROLE USERADMIN;
DROP ROLE IF EXISTS <% reader_role %>;
DROP ROLE IF EXISTS <% loader_role %>;
DROP ROLE IF EXISTS <% owner_role %>;
