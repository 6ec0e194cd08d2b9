"""`sluice reconcile`: accepted = streamed = landed = loaded, in distinct ingest_ids."""
