"""What became of the configuration file: which one is in force, and why the latest is not.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass
class Reloads:
    """Instants are in seconds since 1970."""

    generation: int = 0  # 0: none has been in force yet
    loaded_at: float = 0.0
    tried_at: float = 0.0  # when the file was last read for being put in force
    last_error: list[dict[str, Any]] | None = None

    def accepted(self, now: float) -> int:
        """Note that the file is in force from now on.  Returns its generation."""
        self.generation += 1
        self.loaded_at = self.tried_at = now
        self.last_error = None
        return self.generation

    def refused(self, now: float, problems: list[dict[str, Any]]) -> None:
        """Note that the file is not put in force."""
        self.tried_at = now
        self.last_error = problems

    def as_dict(self, path: str) -> dict[str, Any]:
        """Return it for `status`."""
        return {
            "file": path,
            "generation": self.generation,
            "loaded_at": self.loaded_at,
            "tried_at": self.tried_at,
            "last_error": self.last_error,
        }
