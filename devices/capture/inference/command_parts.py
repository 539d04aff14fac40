"""Plain commands of a draft, and the verbs that are made of them. Data only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from devices.capture.inference.command_templates import TemplateKey
from devices.capture.inference.command_values import ValueFit
from devices.capture.inference.unwrapped import Content, Unwrapped
from devices.driver.vocabulary import Value


@dataclass
class CommandPart:
    """A plain command of the draft. `key`: the kind of its frames. `examples`: values with a captured frame each."""

    name: str
    key: TemplateKey
    payload: list[Any]
    examples: list[tuple[dict[str, Value], Unwrapped]]
    fits: tuple[ValueFit, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """The values that it carries."""
        return frozenset(fit.name for fit in self.fits)


@dataclass
class DraftedCommands:
    """Plain commands by name, and each verb as a sequence of them."""

    parts: dict[str, CommandPart] = field(default_factory=dict)
    verbs: dict[str, list[str]] = field(default_factory=dict)

    def part_of(self, content: Content, key: TemplateKey) -> CommandPart | None:
        """Return the command that sends exactly these bytes."""
        for part in self.parts.values():
            if part.key == key and any(message.content == content for _, message in part.examples):
                return part
        return None

    def add(self, part: CommandPart) -> str:
        """Add a command under a name that is free; return the name."""
        for other in self.parts.values():
            if other.key == part.key and other.payload == part.payload:
                return other.name
        base, number = part.name, 2
        while part.name in self.parts:
            part.name, number = f"{base}_{number}", number + 1
        self.parts[part.name] = part
        return part.name
