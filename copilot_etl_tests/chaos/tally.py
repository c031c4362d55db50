"""What a part of the chaos reached, and what it found wrong."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    """Counts by name and violations of one goal; safe to share between threads."""

    goal: str
    counts: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    seconds: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, what: str, number: int = 1) -> None:
        with self._lock:
            self.counts[what] += number

    def hold(self, good: bool, violation: str) -> bool:
        """Writes a violation down unless it is good; `good`."""
        if not good:
            with self._lock:
                self.violations.append(violation)
        return good

    @property
    def reached(self) -> str:
        return ", ".join(f"{number:,} {what}" for what, number in self.counts.items())
