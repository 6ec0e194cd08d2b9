USE ROLE <% owner_role %>;

-- Once per ingest_id: the copy that was loaded first.
CREATE OR REPLACE VIEW <% database %>.RAW.RECORDS
    COPY GRANTS
    COMMENT = 'One row per ingest_id'
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

-- The newest record per source and id. Within one request the index decides, as a number: 10 comes after 9.
-- TO_JSON keeps the id 1 apart from the id "1".
CREATE OR REPLACE VIEW <% database %>.RAW.LATEST_RECORDS
    COPY GRANTS
    COMMENT = 'The newest row per source and payload:id'
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
FROM <% database %>.RAW.RECORDS
QUALIFY ROW_NUMBER() OVER (
    PARTITION BY source, TO_JSON(payload:id)
    ORDER BY received_at DESC, TRY_TO_NUMBER(SPLIT_PART(ingest_id, '-', -1)) DESC, ingest_id DESC
) = 1;
