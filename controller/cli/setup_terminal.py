"""Questions on a terminal, in the language of the person: text, a choice, yes or no, something secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from controller.cli.line_reader import LineReader

_YES = ("y", "yes", "j", "ja")
_NO = ("n", "no", "nein")
_WIDEST = 88  # characters: longer lines are hard to read


class SetupTerminal:
    """Says and asks; `texts` are those of the section `setup` of a language."""

    def __init__(self, texts: Mapping[str, str], reader: LineReader, console: Console | None = None) -> None:
        self.texts = texts
        self.console = console or Console(highlight=False)
        self._reader = reader

    def text(self, key: str, **values: object) -> str:
        """Return a text with its placeholders filled in."""
        return self.texts[key].strip().format(**values)

    def say(self, key: str, style: str = "", **values: object) -> None:
        """Print a text as a paragraph."""
        self.show(self.text(key, **values), style)

    def show(self, line: str | Text, style: str = "", indent: int = 0) -> None:
        """Print a line as it is, wrapped between words."""
        shown = Text(line, style) if isinstance(line, str) else line
        width = min(self.console.width, _WIDEST)
        self.console.print(Padding(shown, (0, 0, 0, indent)), width=width)

    def head(self, key: str) -> None:
        """Print the title of a part."""
        self.console.print()
        self.show(self.text(key), "bold")

    def gap(self) -> None:
        """Print an empty line."""
        self.console.print()

    async def ask(self, question: str, default: str = "") -> str:
        """Return what is typed, or the default for nothing. Raise `EndOfInputError`."""
        self._prompt(f"{question} [{default}]".strip() if default else question)
        return await self._reader.line() or default

    async def ask_secret(self, question: str) -> str:
        """Return what is typed, and not shown."""
        with self._reader.hidden():
            self._prompt(question)
            line = await self._reader.line()
        self.console.print()
        return line

    async def choose(self, options: Sequence[str], default: int | None = None, question: str = "") -> int:
        """Return the index of the option that is chosen by its number."""
        for number, option in enumerate(options, 1):
            self.show(f"{number}  {option}", indent=2)
        while True:
            answer = await self.ask(question, "" if default is None else str(default + 1))
            if answer.isascii() and answer.isdigit() and 1 <= int(answer) <= len(options):
                return int(answer) - 1
            self.say("choice_wrong", "yellow", most=len(options))

    async def agree(self, key: str, *, default: bool, **values: object) -> bool:
        """Return whether the answer is yes."""
        meant = self.text("answer_yes" if default else "answer_no")
        hint = self.text("answer_default", answers=self.texts["answers"], default=meant)
        while True:
            self._prompt(f"{self.text(key, **values)} {hint}")
            answer = (await self._reader.line()).lower()
            if not answer:
                return default
            if answer in _YES + _NO:
                return answer in _YES
            self.say("answer_wrong", "yellow", answers=self.texts["answers"])

    def _prompt(self, question: str) -> None:
        width = min(self.console.width, _WIDEST)
        self.console.print(Text(f"{question} > " if question else "> ", "cyan"), end="", width=width)
