"""Commands as templates: the frames of one kind, which of their bytes are fixed, and which carry which setting."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from devices.capture.inference.command_values import ValueFit, explained
from devices.capture.inference.labeled_actions import AppAction
from devices.capture.inference.unwrapped import Content, Unwrapped
from devices.driver.vocabulary import Value

TemplateKey = tuple[int, bytes, int, bytes]
"""What tells kinds of frames apart: the characteristic, the opcode, the size of the payload, and its first bytes."""

_SELECTORS: tuple[tuple[int, ...], ...] = ((), (0,), (0, 1), (1,), (0, 1, 2), (2,))


@dataclass(frozen=True)
class Use:
    """One frame that was written for an action, with the settings that held then."""

    message: Unwrapped
    verb: str
    state: Mapping[str, Value]


@dataclass(frozen=True)
class CommandTemplate:
    """The frames of one kind.

    `fits`: the fields. `inverses`: the places of bytes that are the inverse of a field, with its name. `unexplained`:
    the places that differ and that nothing explains. `ambiguous`: the places that several settings explain.
    """

    key: TemplateKey
    uses: tuple[Use, ...]
    fits: tuple[ValueFit, ...]
    inverses: Mapping[int, str]
    unexplained: tuple[int, ...]
    ambiguous: Mapping[int, tuple[str, ...]]

    @property
    def usable(self) -> bool:
        """Whether each of its bytes is known."""
        return not self.unexplained and not self.ambiguous

    @property
    def names(self) -> frozenset[str]:
        """The settings that it carries."""
        return frozenset(fit.name for fit in self.fits)

    @property
    def payloads(self) -> list[bytes]:
        """The different payloads that were captured, in the order of time."""
        return list(dict.fromkeys(use.message.payload for use in self.uses))

    def layout(self, *, least: Mapping[str, int] | None = None, ranged: bool = True) -> list[Any]:
        """Return the payload as the profile language writes it. `least`: the lowest numbers of some fields."""
        return payload_layout(self.payloads[0], self.fits, self.inverses, least or {}, ranged=ranged)

    def values_of(self, payload: bytes) -> dict[str, Value]:
        """Return the settings in a payload, exactly as the profile reads them."""
        return {fit.name: fit.value_of(fit.wire_of(payload)) for fit in self.fits}


def payload_layout(
    payload: bytes, fits: Iterable[ValueFit], inverses: Mapping[int, str], least: Mapping[str, int], *, ranged: bool
) -> list[Any]:
    """Return a payload in the profile language: fixed bytes, and fields."""
    by_place = {fit.at: fit for fit in fits}
    found: list[Any] = []
    fixed = b""
    at = 0
    while at < len(payload):
        fit = by_place.get(at)
        if fit is None and at not in inverses:
            fixed += payload[at : at + 1]
            at += 1
            continue
        if fixed:
            found.append(fixed.hex(" "))
            fixed = b""
        found.append(fit.entry(least=least.get(fit.name), ranged=ranged) if fit else {"inverse_of": inverses[at]})
        at += fit.width if fit else 1
    return [*found, fixed.hex(" ")] if fixed else found


@dataclass(frozen=True)
class Templates:
    """All kinds of frames that actions wrote. `selector`: the places of the payload that tell kinds apart."""

    selector: tuple[int, ...]
    by_key: Mapping[TemplateKey, CommandTemplate]

    def key_of(self, content: Content) -> TemplateKey:
        """Return the kind of a frame."""
        return _key(content, self.selector)

    def of(self, message: Unwrapped) -> CommandTemplate | None:
        """Return the template of a frame."""
        return self.by_key.get(self.key_of(message.content))

    def with_opcode(self, size: int) -> tuple[int, ...]:
        """Return the selector after the first bytes of the payload became the opcode."""
        return tuple(at - size for at in self.selector if at >= size)


def templates_of(actions: Sequence[AppAction], selector: tuple[int, ...] | None = None) -> Templates:
    """Return the templates of starts and adjustments.

    The kinds are told apart by as few bytes as explain the most; by those of `selector`, where it is given.
    """
    uses = [
        Use(message, action.verb, action.state)
        for action in actions
        if action.verb in ("start", "adjust")
        for message in action.messages
    ]
    changed = {name for action in actions for name in action.changed}
    best: Templates | None = None
    fewest = (0, 0)
    for places in _SELECTORS if selector is None else (selector,):
        keys = Counter(_key(use.message.content, places) for use in uses)
        if selector is None and len(places) and len(keys) > 2 * (len(changed) + 2):
            continue  # that would be a command for each value
        found = Templates(places, _explained(uses, places))
        changes = sum(not _is_followed(action, found) for action in actions if action.verb == "adjust")
        starts = sum(use.verb == "start" for each in found.by_key.values() if not each.usable for use in each.uses)
        # To tell more kinds apart is only right where it explains more of the changes.
        if best is None or changes < fewest[0] or (changes == 0 and starts < fewest[1]):
            best, fewest = found, (changes, starts)
        if fewest == (0, 0):
            break
    return best or Templates((), {})


def _is_followed(action: AppAction, templates: Templates) -> bool:
    """Return whether a field follows what was changed: bytes that are fixed do not."""
    known = [templates.of(message) for message in action.messages]
    carried = {name for each in known if each is not None and each.usable for name in each.names}
    return not action.messages or not action.changed or bool(carried & action.changed.keys())


def _key(content: Content, selector: Iterable[int]) -> TemplateKey:
    return (
        content.handle,
        content.opcode,
        len(content.payload),
        bytes(content.payload[at] for at in selector if at < len(content.payload)),
    )


def _explained(uses: Sequence[Use], selector: tuple[int, ...]) -> dict[TemplateKey, CommandTemplate]:
    groups: dict[TemplateKey, list[Use]] = defaultdict(list)
    for use in uses:
        groups[_key(use.message.content, selector)].append(use)
    found: dict[TemplateKey, CommandTemplate] = {}
    # Those with most evidence first: what they show helps with the others.
    known: list[ValueFit] = []
    for key, each in sorted(groups.items(), key=lambda item: -len({use.message.payload for use in item[1]})):
        samples = [(use.message.payload, use.state) for use in each]
        fits, inverses, unexplained, ambiguous = explained(samples, known)
        found[key] = CommandTemplate(key, tuple(each), fits, inverses, unexplained, ambiguous)
        known += [fit for fit in fits if fit.checked and fit.at not in ambiguous]
    return found
