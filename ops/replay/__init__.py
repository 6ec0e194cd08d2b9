"""`sluice replay`: rejected records mended and put into the stream, each once, by what marks in the bucket say."""
