-- Asks a real account which lines it loads, and compares with expectations.csv. Leaves nothing behind.
--   snow sql -f snowflake/verify/verify.sql -D database=SLUICE -D warehouse=SLUICE_WH -D owner_role=SLUICE_OWNER \
--       -D verify_directory="$PWD/snowflake/verify"
-- Needs files 01 to 04 and 08 to have been run. Read the result from the top: first what must be mended.
USE ROLE <% owner_role %>;
USE WAREHOUSE <% warehouse %>;
USE SCHEMA <% database %>.RAW;

CREATE TEMPORARY STAGE VERIFY_STAGE;

PUT 'file://<% verify_directory %>/cases/*.json' @VERIFY_STAGE/cases AUTO_COMPRESS = FALSE OVERWRITE = TRUE;
PUT 'file://<% verify_directory %>/expectations.csv' @VERIFY_STAGE AUTO_COMPRESS = FALSE OVERWRITE = TRUE;

CREATE TEMPORARY TABLE VERIFY_EXPECTED (
    file VARCHAR,
    documented VARCHAR,
    stand_in VARCHAR,
    rule VARCHAR,
    source VARCHAR
);

COPY INTO VERIFY_EXPECTED
FROM @VERIFY_STAGE/expectations.csv
FILE_FORMAT = (TYPE = CSV SKIP_HEADER = 1 FIELD_OPTIONALLY_ENCLOSED_BY = '"');

CREATE TEMPORARY TABLE VERIFY_ROWS LIKE RAW_RECORDS;

CREATE TEMPORARY TABLE VERIFY_OBSERVED (
    file VARCHAR,
    observed VARCHAR,
    message VARCHAR
);

-- One COPY a file, because a refused line takes its file with it.
EXECUTE IMMEDIATE $$
DECLARE
    cases CURSOR FOR SELECT file FROM VERIFY_EXPECTED ORDER BY file;
    file VARCHAR;
    message VARCHAR;
BEGIN
    FOR one IN cases DO
        file := one.file;
        BEGIN
            EXECUTE IMMEDIATE '
                COPY INTO VERIFY_ROWS (
                    payload, ingest_id, received_at, source, schema, file_name, file_row_number, loaded_at
                )
                FROM (
                    SELECT
                        $1:payload,
                        $1:ingest_id::VARCHAR,
                        $1:received_at::TIMESTAMP_TZ,
                        $1:source::VARCHAR,
                        $1:schema::VARCHAR,
                        METADATA$FILENAME,
                        METADATA$FILE_ROW_NUMBER,
                        METADATA$START_SCAN_TIME
                    FROM @VERIFY_STAGE/cases/
                )
                FILES = (''' || file || ''')
                FILE_FORMAT = (FORMAT_NAME = ''JSON_LINES'')
                ON_ERROR = ABORT_STATEMENT';
            INSERT INTO VERIFY_OBSERVED VALUES (:file, 'accepted', NULL);
        EXCEPTION
            WHEN OTHER THEN
                message := SQLERRM;
                INSERT INTO VERIFY_OBSERVED VALUES (:file, 'refused', :message);
        END;
    END FOR;
    RETURN 'asked';
END;
$$;

WITH loaded AS (
    SELECT
        SPLIT_PART(file_name, '/', -1) AS file,
        COUNT(*) AS row_count,
        LEFT(TO_JSON(ANY_VALUE(payload)), 200) AS payload_as_loaded
    FROM VERIFY_ROWS
    GROUP BY SPLIT_PART(file_name, '/', -1)
)

SELECT
    CASE
        WHEN observed.observed = 'refused' AND expected.stand_in = 'accepted' THEN '1 MEND: the stand-in is too lax'
        WHEN expected.documented = 'unknown' THEN '3 was unknown'
        WHEN observed.observed <> expected.documented THEN '2 not as documented'
        ELSE '4 as documented'
    END AS finding,
    expected.file,
    expected.documented,
    observed.observed,
    expected.stand_in,
    loaded.row_count,
    loaded.payload_as_loaded,
    observed.message,
    expected.rule,
    expected.source
FROM VERIFY_EXPECTED AS expected
INNER JOIN VERIFY_OBSERVED AS observed ON expected.file = observed.file
LEFT JOIN loaded ON expected.file = loaded.file
ORDER BY finding, expected.file;
