"""How far the landing bucket has the stream, on disk."""

import json
import os
from collections.abc import Mapping
from pathlib import Path


def write_atomically(path: Path, text: str) -> None:
    """Replace `path` as a whole: a reader, or a process that starts after a kill, sees the old text or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".tmp")
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


class Checkpoint:
    """The last sequence number by shard of which the file is safely in S3."""

    def __init__(self, path: Path, stream_arn: str) -> None:
        self._path = path
        self._stream_arn = stream_arn
        self.positions: dict[str, str] = self._load()

    def _load(self) -> dict[str, str]:
        try:
            stored = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return dict(stored["positions"]) if stored["stream_arn"] == self._stream_arn else {}

    def advance(self, positions: Mapping[str, str]) -> None:
        """Remember that everything up to these positions is delivered."""
        self.positions |= positions
        write_atomically(self._path, json.dumps({"stream_arn": self._stream_arn, "positions": self.positions}) + "\n")
