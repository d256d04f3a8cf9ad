"""The run file, `run.jsonl`: JSON Lines, appended and flushed as things happen."""
