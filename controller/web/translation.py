"""Translates the service's texts from the settings' language to a browser's, as far as it has a key or a fixed text.

What cannot be translated stays as it is: the page marks it with its own language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property

from controller.contract.commands import Reply
from controller.contract.events import Guide, Snapshot
from controller.contract.uploads import UploadSummary
from controller.contract.words import Words
from controller.safety.limits import Trip
from controller.safety.message import message

_VALUE = re.compile(r"^(?P<value>[^:]*\d[^:]*): ")  # of a limit, before its reason


class Translation:
    """From the words of the settings to those of a browser; the same ones change nothing."""

    def __init__(self, source: Words, target: Words) -> None:
        self._source = source
        self._target = target
        self.needed = source.code != target.code

    def guide(self, guide: Guide) -> Guide:
        """Return a guide with the title and words that can be translated; its language is that of its words."""
        if not self.needed:
            return guide
        title = self._texts.get(guide.title, guide.title)
        text = self._guide_text(guide)
        if text is None:
            return guide.model_copy(update={"title": title})
        named = self._target.name_controls(text)
        return guide.model_copy(update={"title": title, "words": named, "language": self._target.code})

    def _guide_text(self, guide: Guide) -> str | None:
        """Return the text of a guide by its keys, else by what stands there; `None` where it is unknown."""
        if not guide.words:
            return ""
        if guide.question is not None:
            return self._target.questions[guide.question].ask
        return self._texts.get(guide.template or guide.words)

    def snapshot(self, snapshot: Snapshot) -> Snapshot:
        """Return a snapshot with the titles of its steps, its reason, its trip, its problems and notices."""
        if not self.needed:
            return snapshot
        words = self._target
        steps = tuple(
            step.model_copy(update={"title": words.steps[step.name].title if step.name in words.steps else step.title})
            for step in snapshot.steps
        )
        reason = snapshot.reason_words and (
            words.labels.reason[snapshot.reason] if snapshot.reason is not None else snapshot.reason_words
        )
        more = {
            "steps": steps,
            "reason_words": reason,
            "trip": self._trip(snapshot.trip),
            "problems": tuple(words.sentence(message("store_unusable")) for _ in snapshot.problems),
            "notices": tuple(words.sentence(message("history_waits")) for _ in snapshot.notices),
        }
        return snapshot.model_copy(update=more)

    def _trip(self, trip: Trip | None) -> Trip | None:
        return self._target.trip(trip)

    def uploads(self, uploads: UploadSummary | None) -> UploadSummary | None:
        """Return a summary of uploads with its problem."""
        if not self.needed or uploads is None or uploads.key not in self._target.reasons:
            return uploads
        return uploads.model_copy(update={"problem": self._target.sentence(message(uploads.key))})

    def reply(self, reply: Reply) -> Reply:
        """Return a reply with the reasons whose text has no values in it, beside the value that a limit allows."""
        if not self.needed or len(reply.keys) != len(reply.reasons):
            return reply
        reasons = (self._reason(key, text) for key, text in zip(reply.keys, reply.reasons, strict=True))
        return reply.model_copy(update={"reasons": tuple(reasons)})

    def _reason(self, key: str, text: str) -> str:
        template = self._target.reasons.get(key)
        if template is None or "{" in template:
            return text
        if (found := _VALUE.match(text)) is not None:
            return f"{found['value']}: {template}"
        return self._target.sentence(message(key))

    @cached_property
    def _texts(self) -> dict[str, str]:
        """Every text of a guide without values in it: the one of the settings, and that of the browser."""
        return dict(zip(_fixed_texts(self._source), _fixed_texts(self._target), strict=True))


def _fixed_texts(words: Words) -> Iterator[str]:
    """Yield the texts that a guide may show, in the same order for each language."""
    for step in words.steps.values():
        yield from (step.title, step.with_device, step.by_hand)
    for technique in words.techniques.values():
        yield from (technique.title, technique.words)
    yield from words.prompts.values()
    yield from words.titles.values()
    yield from words.messages.values()
