"""The guide of a session: what the person is to do now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from controller.contract.cautions import cautions_for
from controller.contract.events import Guide
from controller.contract.pictures import MESSAGE_PICTURES, STEP_PICTURES
from controller.contract.words import Words
from devices.roles import Role, Side


def guide_of(station: str, words: Words, text: str, /, **more: Any) -> Guide:
    """Return a guide with a text. `more`: further fields of `Guide`."""
    return Guide(station=station, language=words.code or None, **_both(words, text), **more)


def message_guide(station: str, words: Words, message: str, /, **values: object) -> Guide:
    """Return a guide with a message, its own title and its picture."""
    title, picture = words.titles.get(message, ""), MESSAGE_PICTURES.get(message)
    return guide_of(station, words, words.message(message, **values), title=title, picture=picture)


def _both(words: Words, text: str) -> dict[str, Any]:
    """Return the words of a guide with the names of the controls, and the template without them."""
    named = words.name_controls(text)
    return {"words": named, "template": None if named == text else text}


class GuideDisplay:
    """What the person is to do now: publishes a `Guide` whenever that changes."""

    def __init__(self, station: str, words: Words, publish: Callable[[Guide], None]) -> None:
        self._words = words
        self._publish = publish
        self._guide = Guide(station=station)
        self._before_warning: Guide | None = None  # what the warning about a missing seal has replaced

    def show(self, step: str, text: str, *, title: str | None = None, picture: str | None = None, **more: Any) -> None:
        """Show a text during a step. `title`, `picture`: by default the step's; `more`: further fields of `Guide`."""
        title = self._words.steps[step].title if title is None else title
        picture = picture or STEP_PICTURES[step]
        self._set(guide_of(self._guide.station, self._words, text, step=step, title=title, picture=picture, **more))

    def show_message(self, step: str, message: str, **values: object) -> None:
        """Show a message with its picture during a step."""
        self.show(step, self._words.message(message, **values), picture=MESSAGE_PICTURES.get(message))

    def show_end(self, message: str, /, **values: object) -> None:
        """Show a message that ends the session, which belongs to no step any more."""
        self._set(message_guide(self._guide.station, self._words, message, **values))

    def show_step(
        self, step: str, side: Side, *, by_hand: bool, seconds: float | None = None, devices: Sequence[Role] = ()
    ) -> None:
        """Show what to do in a kind of step, with a device or by hand, and the cautions about its devices."""
        self._before_warning = None
        words = self._words.steps[step]
        cautions = [(device.name, caution) for device in devices for caution in cautions_for(device)]
        texts = [self._words.message(f"caution_{caution.value}", device=name) for name, caution in cautions]
        text = " ".join([words.by_hand if by_hand else words.with_device, *texts])
        self.show(step, text, side=side, seconds=seconds, cautions=tuple(dict.fromkeys(each for _, each in cautions)))

    def show_seal_warning(self, *, missing: bool) -> None:
        """Show that a pump measures no vacuum, or what was shown before that."""
        if missing and self._before_warning is None:
            self._before_warning = self._guide
            warning = _both(self._words, self._words.message("no_seal"))
            self._set(self._guide.model_copy(update={**warning, "picture": MESSAGE_PICTURES["no_seal"]}))
        elif not missing and self._before_warning is not None:
            before, self._before_warning = self._before_warning, None
            self._set(before)

    def show_seconds_left(self, seconds: float) -> None:
        """Count down."""
        self._publish(self._guide.model_copy(update={"seconds_left": seconds}))

    def _set(self, guide: Guide) -> None:
        self._guide = guide
        self._publish(guide)
