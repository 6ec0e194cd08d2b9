"""The Snowpipe stand-in: S3's notifications in, rows of the raw table out, by the shipped pipe's own COPY.

Like the real one it loads a file once by its *name* (14 days, failed files too), skips a file with a bad line as a
whole (ON_ERROR = SKIP_FILE) and writes what became of it to a table with COPY_HISTORY's columns, SNOWPIPE.COPY_HISTORY.

Differs from Snowpipe: one file after the other, so loads come in an order; a load takes milliseconds instead of the
better part of a minute; a file's rows and its history are one transaction, so not even a kill -9 loads a file twice;
when it starts it does what `ALTER PIPE … REFRESH` does (files of the last 7 days that are not in the history); the
history belongs to the database, so an edited pipe keeps it; compression is told by content and is gzip or none;
Snowflake's JSON parser is replaced by local_pipeline/refusals.py, which is at least as strict. It honours the local
pipeline's reset file.
"""
