-- Removes everything the numbered files made, data included. The bucket and its files stay.
-- It can be run again, wherever a run before stopped. So it names neither the pipe nor the alerts, which go with their
-- database: what ALTER PIPE IF EXISTS does when the database itself is gone is unknown (the reference does not say).
-- And it uses none of the roles it drops: SYSADMIN has what they own, by the grants in 01_roles.sql. What a role was
-- granted on the account goes with it.
USE ROLE SYSADMIN;
DROP DATABASE IF EXISTS <% database %>;
DROP WAREHOUSE IF EXISTS <% warehouse %>;

USE ROLE ACCOUNTADMIN;
DROP INTEGRATION IF EXISTS <% integration %>;
DROP INTEGRATION IF EXISTS <% error_integration %>;

USE ROLE USERADMIN;
DROP ROLE IF EXISTS <% monitor_role %>;
DROP ROLE IF EXISTS <% reader_role %>;
DROP ROLE IF EXISTS <% loader_role %>;
DROP ROLE IF EXISTS <% owner_role %>;
