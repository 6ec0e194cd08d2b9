"""The shipped SQL keeps the rules of tests/infra/snowflake_rules.py, and each rule sees a mistake planted for it."""

import re

import pytest

from ops.snowflake_sql import SNOWFLAKE_DIRECTORY, setup_files
from tests.infra.snowflake_rules import findings

TEXTS = {path.name: path.read_text() for path in setup_files()}
OPTIONAL = {path.name: path.read_text() for path in sorted((SNOWFLAKE_DIRECTORY / "optional").glob("*.sql"))}


def test_the_shipped_files_keep_the_rules() -> None:
    assert findings(TEXTS) == []


def test_so_do_the_optional_files_after_them() -> None:
    assert OPTIONAL
    assert findings({**TEXTS, **OPTIONAL}) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "finding"),
    [
        ("01_roles.sql", "ROLE IF NOT EXISTS <% loader_role %>", "ROLE <% loader_role %>", "cannot be run again"),
        ("03_database.sql", "CREATE DATABASE IF NOT EXISTS", "CREATE OR REPLACE DATABASE", "cannot be run again"),
        ("08_raw_table.sql", "CREATE TABLE IF NOT EXISTS", "CREATE OR REPLACE TABLE", "cannot be run again"),
        ("14_alerts.sql", "CREATE ALERT IF NOT EXISTS", "CREATE OR REPLACE ALERT", "cannot be run again"),
        ("09_views.sql", "COPY GRANTS", "", "takes the grants away"),
        ("09_views.sql", "USE ROLE", "DROP TABLE IF EXISTS <% database %>.RAW.RAW_RECORDS; USE ROLE", "destroys"),
        ("10_grants.sql", "GRANT SELECT, INSERT", "GRANT ALL", "grants too much"),
        ("10_grants.sql", "TO ROLE <% reader_role %>", "TO ROLE PUBLIC", "grants too much"),
        ("12_alert_privileges.sql", "EXECUTE MANAGED ALERT ON", "ALL ON", "grants too much"),
        ("12_alert_privileges.sql", "'GRANT EXECUTE", "'DROP EXECUTE", "hides a statement"),
        ("01_roles.sql", "CREATE ROLE IF NOT EXISTS <% reader_role %>", "SELECT 1", "SLUICE_READER is not created"),
        ("02_warehouse.sql", "<% owner_role %>", "SOMEBODY", "SOMEBODY is not created"),
        ("10_grants.sql", "RAW.LANDING_STAGE", "RAW.STAGE", "SLUICE.RAW.STAGE is not created"),
        (
            "11_pipe.sql",
            "'<% database %>.RAW.JSON_LINES'",
            "'<% database %>.RAW.JSON'",
            "SLUICE.RAW.JSON is not created",
        ),
        ("14_alerts.sql", "MONITORING.PIPE_TROUBLE", "MONITORING.TROUBLE", "MONITORING.TROUBLE is not created"),
        ("06_error_integration.sql", "CREATE NOTIFICATION", "SHOW NOTIFICATION", "SLUICE_ERRORS is not created"),
        ("11_pipe.sql", "METADATA$FILENAME", "METADATA$FILE_NAME", "METADATA.FILE_NAME is no metadata"),
        ("11_pipe.sql", "METADATA$START_SCAN_TIME", "CURRENT_TIMESTAMP()", "CURRENT_TIMESTAMP is wrong by hours"),
        ("11_pipe.sql", "METADATA$FILENAME,", "", "7 expressions for 8 columns"),
        ("11_pipe.sql", "payload, ingest_id,", "ingest_id, payload,", "the COPY fills"),
        ("08_raw_table.sql", "source VARCHAR NOT NULL", "src VARCHAR NOT NULL", "the COPY fills"),
        ("11_pipe.sql", "\nON_ERROR = SKIP_FILE", "\nON_ERROR = CONTINUE", "belong together"),
        ("11_pipe.sql", "ERROR_INTEGRATION = <% error_integration %>", "", "belong together"),
        ("11_pipe.sql", "AUTO_INGEST = TRUE", "", "waits for calls"),
        ("11_pipe.sql", "\nON_ERROR =", "\nPURGE = TRUE ON_ERROR =", "no PURGE"),
        ("11_pipe.sql", "\nON_ERROR =", "\nFORCE = TRUE ON_ERROR =", "no FORCE"),
        ("11_pipe.sql", "LANDING_STAGE\n", "LANDING_STAGE WHERE $1:id > 0\n", "no WHERE"),
        ("13_monitoring.sql", "no row, no trouble", "no &row", "another template language"),
    ],
)
def test_a_planted_mistake_is_found(name: str, old: str, new: str, finding: str) -> None:
    assert old in TEXTS[name]

    found = findings({**TEXTS, name: TEXTS[name].replace(old, new, 1)})

    assert re.search(finding, "\n".join(found)), found
