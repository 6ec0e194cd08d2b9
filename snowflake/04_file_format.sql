USE ROLE <% owner_role %>;

-- One JSON object a line. Each option that decides whether a line is refused is written out, so that a changed
-- default cannot change it; local_pipeline/refusals.py is the same list seen from the other side.
CREATE FILE FORMAT IF NOT EXISTS <% database %>.RAW.JSON_LINES
    TYPE = JSON
    COMPRESSION = AUTO
    ENABLE_OCTAL = FALSE
    ALLOW_DUPLICATE = FALSE
    STRIP_OUTER_ARRAY = FALSE
    STRIP_NULL_VALUES = FALSE
    IGNORE_UTF8_ERRORS = FALSE
    SKIP_BYTE_ORDER_MARK = TRUE
    COMMENT = 'Sluice stream lines';
