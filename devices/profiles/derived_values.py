"""Values that follow from several others of the same message, such as a run state in two bytes. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, StrictBool, model_validator

from devices.driver.vocabulary import Name, Value
from devices.roles import Frozen


class DerivedRow(Frozen):
    """One line of the table: all of `when` must be so, then the value is `means`.

    In a file: `{paused: true, is: paused}`.
    """

    when: Mapping[Name, Value] = Field(min_length=1)
    means: StrictBool | int | float | str

    @model_validator(mode="before")
    @classmethod
    def _is_is_the_meaning(cls, data: object) -> object:
        if not isinstance(data, dict) or "is" not in data or len(data) == 1:
            raise ValueError("a line has one or more values, and what they mean: {paused: true, is: paused}")
        return {"when": {key: value for key, value in data.items() if key != "is"}, "means": data["is"]}

    def fits(self, values: Mapping[str, Value]) -> bool:
        """Return whether the values of a message are those of this line."""
        return all(name in values and values[name] == value for name, value in self.when.items())


Derived = Mapping[Name, tuple[DerivedRow, ...]]


def derive(derived: Derived, values: Mapping[str, Value]) -> dict[str, Value]:
    """Return the derived values: those of the first line that fits. Where none does, the value is unknown."""
    return {name: next((row.means for row in rows if row.fits(values)), None) for name, rows in derived.items()}


def with_sources(derived: Derived, values: Mapping[str, Value]) -> dict[str, Value]:
    """Return the values with those from which each derived value follows: how a device writes it.

    A derived value that no line means stays without, and is read back as whatever the others mean.
    """
    found = dict(values)
    for name, rows in derived.items():
        wanted = values.get(name)
        candidates = [found, *({**found, **row.when} for row in rows if row.means == wanted)]
        found = next((each for each in candidates if derive({name: rows}, each)[name] == wanted), found)
    return found
