"""The words that lead a person through a session, loaded from `config/guides/<language>.yaml`."""

from __future__ import annotations

from devices.roles import Frozen, Side
from devices.shipped import SHIPPED
from devices.yaml_file import FileError, Problem, load_yaml


class TechniqueWords(Frozen):
    """One massage technique: what it is called, what to do, and the name of its picture."""

    title: str
    words: str
    picture: str


class StepWords(Frozen):
    """One kind of step: its title, and what to do with a device and by hand."""

    title: str
    with_device: str = ""
    by_hand: str = ""


class QuestionWords(Frozen):
    """One symptom question, and what a yes means for today."""

    ask: str
    if_yes: str


class Words(Frozen):
    """All words of one language."""

    language: str
    sides: dict[Side, str]
    techniques: dict[str, TechniqueWords]
    steps: dict[str, StepWords]
    questions: dict[str, QuestionWords]
    prompts: dict[str, str]
    messages: dict[str, str]

    def message(self, name: str, **values: object) -> str:
        """Return a message with its values filled in."""
        return self.messages[name].format(**values)


def languages() -> tuple[str, ...]:
    """Return the languages there are words for."""
    return tuple(sorted(file.stem for file in (SHIPPED / "guides").glob("*.yaml")))


def load_words(language: str) -> Words:
    """Read the words of a language. Raise `FileError` if there are none, or they are wrong."""
    file = SHIPPED / "guides" / f"{language}.yaml"
    if language not in languages():
        raise FileError(
            file, [Problem(0, "language", f"there are words in {', '.join(languages())}, not in {language}")]
        )
    return load_yaml(file, Words)
