"""`letdown capture contribute`: shows what will be shared, asks, and writes the folder after a yes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from controller.cli.capture_show import chosen_device, read_with_progress
from controller.cli.line_reader import EndOfInputError, LineReader
from controller.cli.printable import printable
from controller.cli.setup_terminal import SetupTerminal
from controller.contract.words import Words
from devices.capture.contribution import SHORTEST_NAME, Contribution, ContributionError, Story, prepare
from devices.capture.labels import load_labels
from devices.driver.registry import load_model
from devices.profiles.catalog import id_problem
from devices.support.yaml_file import read_document, read_file

_NUMBER = re.compile(r"[0-9]+")


async def contribute(
    file: Path,
    labels_file: Path,
    profile_file: Path,
    out: Path,
    number: int | None,
    model_name: str | None,
    story: Story,
    words: Words,
    *,
    hide: Sequence[str] = (),
    yes: bool,
    terminal: SetupTerminal | None = None,
) -> int:
    """Return the exit code: 1 where it is not agreed to. Raise `FileError`, `ValueError` or `OSError`.

    `hide`: texts that are replaced in all values, such as a serial number.
    """
    if any(len(each) < SHORTEST_NAME for each in hide):
        raise ValueError(f"--hide takes texts of {SHORTEST_NAME} characters and more: shorter ones are found by chance")
    _check_new(out)
    labels, document = load_labels(labels_file), read_document(profile_file)
    profile = load_model(profile_file)
    if problem := id_problem(profile.id, profile_file):
        raise document.error("id", problem)
    capture = await read_with_progress(file, quiet=yes)
    capture = replace(capture, private_names=(*capture.private_names, *hide))
    device = chosen_device(capture, number)
    if device is None:
        raise ContributionError(f"{file}: there is no device in it")
    terminal = terminal or SetupTerminal({**words.setup, **words.capture}, LineReader())
    try:
        if not yes:
            story = await _asked(story, terminal)
        text = read_file(profile_file)
        contribution = prepare(capture, device, labels, profile, text, story, model_name=model_name)
        _show(contribution, terminal)
        if yes and contribution.texts:
            raise ContributionError("these texts are in the values, and somebody has to look at them: leave out --yes")
        if not yes and not (
            await terminal.agree("contribute_licence", default=False)
            and await terminal.agree("contribute_ask", default=False)
        ):
            terminal.say("contribute_nothing", "yellow")
            return 1
    except EndOfInputError:
        raise ValueError("nobody answers, so nothing was written; in a script use --yes") from None
    _write(out, contribution.files)
    terminal.say("contribute_done", "green", folder=out)
    return 0


def _check_new(out: Path) -> None:
    if out.exists():
        raise ValueError(f"{out} is there already: name another folder with --out")


async def _asked(story: Story, terminal: SetupTerminal) -> Story:
    phone = story.phone or await terminal.ask(terminal.text("contribute_phone")) or None
    return Story(phone, story.by or await terminal.ask(terminal.text("contribute_by")) or None)


def _show(contribution: Contribution, terminal: SetupTerminal) -> None:
    terminal.head("contribute_title")
    for name, data in contribution.files.items():
        terminal.show(f"{name}   {len(data)} B", indent=2)
    decoded = contribution.decoded
    terminal.say(
        "contribute_frames",
        commands=sum(decoded.commands.values()),
        reports=sum(decoded.reports.values()),
        others=decoded.not_described,
    )
    terminal.say("contribute_removed", replaced=contribution.replaced_count, left_out=contribution.left_out_count)
    story = next(data for name, data in contribution.files.items() if name.endswith(".md"))
    for line in story.decode().splitlines()[2:7]:
        terminal.show(printable(line), "dim", indent=2)
    if contribution.texts:
        terminal.say("contribute_texts", "yellow")
        alike = {_NUMBER.sub("#", each): each for each in reversed(contribution.texts)}
        for each in reversed(alike.values()):  # of those that differ in numbers only, the first
            terminal.show(printable(each), indent=4)
        if (more := len(contribution.texts) - len(alike)) > 0:
            terminal.show(terminal.text("contribute_more", count=more), indent=4)


def _write(out: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        file = out / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
