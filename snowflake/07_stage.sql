USE ROLE <% owner_role %>;

CREATE STAGE IF NOT EXISTS <% database %>.RAW.LANDING_STAGE
    URL = 's3://<% landing_bucket %>/<% landing_prefix %>'
    STORAGE_INTEGRATION = <% integration %>
    FILE_FORMAT = (FORMAT_NAME = '<% database %>.RAW.JSON_LINES')
    COMMENT = 'What Firehose delivers';
