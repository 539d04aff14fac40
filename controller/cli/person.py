"""The person at the terminal of a process: whether they take part."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Person:
    """Whether the person at the terminal takes part; until then, a simulated parent answers and goes on."""

    takes_part: bool = False

    def take_part(self) -> None:
        """From now on, the person decides."""
        self.takes_part = True

    def leaves_it_to_others(self) -> bool:
        """Return whether the simulated parent answers."""
        return not self.takes_part
