"""How far the landing bucket has the stream, on disk."""

import json
from collections.abc import Mapping
from pathlib import Path

from local_pipeline.home import write_atomically


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
