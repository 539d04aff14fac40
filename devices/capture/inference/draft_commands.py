"""The commands of a draft: what starts, changes and stops the device, with values between captured ones only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from devices.capture.inference.command_parts import CommandPart, DraftedCommands
from devices.capture.inference.command_templates import CommandTemplate, TemplateKey, Templates
from devices.capture.inference.command_values import ValueFit
from devices.capture.inference.draft_notes import DraftNotes, spread
from devices.capture.inference.labeled_actions import AppAction
from devices.capture.inference.missing_settings import contents_of, note_settings, note_unusable
from devices.capture.inference.unwrapped import Content, Unwrapped
from devices.driver.vocabulary import START_VERB, STOP_VERB, EnergyRole, Value

_MOST_EXAMPLES = 8
_STRENGTHS = ("level", "vacuum_mmhg", "intensity", "celsius")
# At which other actions an app never writes the same bytes and nothing else, if they mean what the labels say.
_CONTRADICTED_BY = {
    "start": ("adjust", "pause", "stop"),  # sent again to a running device, they would raise it, as a button "+" does
    "resume": ("pause", "stop"),
    "pause": ("start", "adjust", "resume"),
    "stop": ("start", "adjust", "resume"),
}


class CommandDrafter:
    """Makes the commands of one role from actions and templates."""

    def __init__(self, role: EnergyRole, actions: Sequence[AppAction], templates: Templates, notes: DraftNotes) -> None:
        self._actions = actions
        self._templates = templates
        self._notes = notes
        self._start, self._stop = START_VERB[role], STOP_VERB[role]
        self._can_adjust = role == "pump"
        self._role = role
        self.drafted = DraftedCommands()

    def draft(self) -> DraftedCommands:
        """Return the commands. Without a stop there is no start."""
        stop = self._constant_verb("stop", self._stop)
        if stop is None:
            self._notes.miss(
                "A stop. None was captured that can be sent, so the draft starts nothing either. "
                "Record a start and a stop with the app's own buttons."
            )
            return self.drafted
        note_settings(self._actions, self._templates, self._notes)
        self._draft_start()
        if self._role == "pump" and self._start in self.drafted.verbs:
            self._draft_pause()
        return self.drafted

    def _of(self, verb: str) -> list[AppAction]:
        return [action for action in self._actions if action.verb == verb and action.messages]

    # Verbs without values

    def _constant_verb(self, deed: str, verb: str) -> list[str] | None:
        """Add a verb that is the same bytes each time; return its parts, or `None` where there are none."""
        contents = self._common(self._of(deed))
        if not contents:
            return None
        started = {content for action in self._of("start") for content in contents_of(action)}
        if deed in ("stop", "pause") and set(contents) <= started:
            self._notes.miss(
                f"A {deed} of its own: the app sends the same bytes to start and to {deed}, as a switch. What "
                "such bytes do is unknown, so they are not used. If the app has another button for it, record that."
            )
            return None
        if deed == "stop":
            contents = [content for content in contents if content not in started]
        if any(self._is_contradicted(content, deed) for content in contents):
            return None
        names = []
        for content in contents:
            messages = [message for action in self._of(deed) for message in action.messages]
            messages = [message for message in messages if message.content == content]
            name = verb if len(contents) == 1 else f"{verb}_part"
            names.append(self.drafted.add(_constant(name, self._templates.key_of(content), messages)))
        self._notes.prove(
            f"commands.{verb}", f"written at each {deed}, always these bytes", len(self._of(deed)) * len(contents)
        )
        self.drafted.verbs[verb] = names
        return names

    def _is_contradicted(self, content: Content, deed: str) -> bool:
        """Return whether the same bytes alone were written at what cannot be the same, and note it."""
        others = [
            verb
            for verb in _CONTRADICTED_BY[deed]
            if any(set(contents_of(action)) == {content} for action in self._of(verb))
        ]
        if others:
            self._notes.miss(
                f"A {deed} of its own: the app writes the same bytes at a {deed} and at a {others[0]}, so it is "
                "unknown what they do. Check that the labels belong to this recording, and record both once more."
            )
        return bool(others)

    def _common(self, actions: Sequence[AppAction]) -> list[Content]:
        """Return what was written for every one of these actions, in its order; the first, where it differs."""
        if not actions:
            return []
        first = contents_of(actions[0])
        common = [content for content in first if all(content in contents_of(action) for action in actions)]
        if common:
            return common
        kinds = [self._templates.key_of(content) for content in first]
        same = [
            content
            for content, key in zip(first, kinds, strict=True)
            if all(key in map(self._templates.key_of, contents_of(action)) for action in actions)
        ]
        weakest = min(actions, key=lambda action: _strength(action.state))
        chosen = [
            content
            for content in contents_of(weakest)
            if self._templates.key_of(content) in {self._templates.key_of(each) for each in same}
        ]
        for content in chosen:
            count = len({each for action in actions for each in contents_of(action)})
            self._notes.wonder(
                f"command {actions[0].verb}",
                f"written in {count} ways, of which one is used: {content.payload.hex(' ')}",
                len(actions),
            )
        return chosen

    # Starting and changing

    def _setting_parts(self) -> list[CommandTemplate]:
        """Return the templates that change settings while it runs, as few as carry all that can be set."""
        used = [
            template
            for template in self._templates.by_key.values()
            if template.usable and template.fits and any(use.verb == "adjust" for use in template.uses)
        ]
        chosen: list[CommandTemplate] = []
        covered: set[str] = set()
        for template in sorted(used, key=lambda each: (-len(each.names), -len(each.uses))):
            if template.names - covered:
                chosen.append(template)
                covered |= template.names
        # The phase first: many devices keep a level for each.
        return sorted(chosen, key=lambda template: "phase" not in template.names)

    def _draft_start(self) -> None:
        starts = self._of("start")
        if not starts:
            self._notes.miss("A start: none was captured. Record one with the app's own button.")
            return
        settings = self._setting_parts()
        keys = list(dict.fromkeys(self._templates.key_of(content) for content in contents_of(starts[0])))
        keys = [key for key in keys if all(key in self._keys(action) for action in starts)]
        steps: list[str] = []
        least: dict[str, int] = {}
        carried: set[str] = set()
        begins_unknown = False
        for key in keys:
            template = self._templates.by_key[key]
            others = {fit.name: fit for each in settings if each.key != key for fit in each.fits}
            if template.usable and template.fits and not _narrower(template, others):
                steps.append(self._add_template(template))
                carried |= template.names
                continue
            fixed = self._fixed(template)
            if fixed is None:
                return
            part, state, states = fixed
            steps.append(self.drafted.add(part))
            begins_unknown = begins_unknown or states > 1
            if states == 1:
                least |= _wires(state, settings)
        if not steps:
            self._notes.miss("A start: what the app writes for it differs each time. Record three more starts.")
            return
        added = [each for each in settings if each.names - carried and self._add_template(each, least) not in steps]
        names = [self._add_template(each, least) for each in added]
        order = self._around(steps, names) if begins_unknown and names else [*steps, *names]
        self._finish_start(order, settings)

    def _around(self, steps: list[str], names: list[str]) -> list[str]:
        """Return the order for a start that carries no setting, and so begins where the device was set last."""
        if self._set_while_stopped():
            return [*names, *steps]
        self._notes.miss(
            "Where it begins: its start carries no setting. The draft sends the settings before it and once more after "
            "it. Set a level in the app while the device is stopped, then start: that shows whether it keeps it."
        )
        return [*names, *steps, *names]

    def _finish_start(self, names: list[str], settings: Sequence[CommandTemplate]) -> None:
        if not self._begins_weak({name for step in names for name in self.drafted.parts[step].names}):
            return
        self.drafted.verbs[self._start] = names
        starts = self._of("start")
        self._notes.prove(f"commands.{self._start}", f"written at each of {len(starts)} starts", len(starts))
        if self._can_adjust and settings:
            self.drafted.verbs["adjust"] = [self._add_template(each) for each in settings]
            uses = sum(use.verb == "adjust" for each in settings for use in each.uses)
            words = ", ".join(fit.words for each in settings for fit in each.fits)
            self._notes.prove("commands.adjust", f"follows the labels: {words}", uses)

    def _begins_weak(self, carried: set[str]) -> bool:
        """Return whether a start does no more than requested; where it carries nothing, the least that was captured."""
        if carried & set(_STRENGTHS):
            return True
        if self._role == "warmer":
            self._notes.miss("A start that carries its temperature: without one, it would heat more than is requested.")
            return False
        known = [_strength(action.state) for action in self._actions if set(_STRENGTHS) & action.state.keys()]
        if known and min(_strength(action.state) for action in self._of("start")) > min(known):
            self._notes.miss("A start at the weakest setting: the captured ones begin with more. Record one.")
            return False
        if known:
            self._notes.miss(
                "Its strength: no command for it was understood, so it begins as in the capture, or as it was set "
                "last, and the person sets it at the device."
            )
        return True

    def _set_while_stopped(self) -> bool:
        running = False
        for action in self._actions:
            if action.verb == "adjust" and not running and action.messages:
                return True
            running = action.verb in ("start", "resume") or (running and action.verb == "adjust")
        return False

    def _keys(self, action: AppAction) -> set[TemplateKey]:
        return {self._templates.key_of(content) for content in contents_of(action)}

    def _fixed(self, template: CommandTemplate) -> tuple[CommandPart, Mapping[str, Value], int] | None:
        """Return a start as captured bytes, those of the weakest setting; its state, and how many states led to it."""
        uses = [use for use in template.uses if use.verb == "start"]
        weakest = min(uses, key=lambda use: _strength(use.state))
        same = [use for use in uses if use.message.content == weakest.message.content]
        differing = {use.message.payload for use in uses}
        if len(differing) > 1 and template.unexplained:
            note_unusable(template, self._notes)
            return None
        if self._is_contradicted(weakest.message.content, "start"):
            return None
        states = {tuple(sorted((name, str(value)) for name, value in use.state.items())) for use in same}
        count = len(states) if len(differing) == 1 else 1
        part = _constant("switch_on", template.key, [use.message for use in same])
        return part, weakest.state, count

    def _add_template(self, template: CommandTemplate, least: Mapping[str, int] | None = None) -> str:
        lowest = {
            fit.name: least[fit.name]
            for fit in template.fits
            if least and fit.name in least and least[fit.name] > fit.wires[0]
        }
        messages = {use.message.payload: use.message for use in reversed(template.uses)}
        allowed = [payload for payload in template.payloads if _inside(payload, template.fits, lowest)]
        examples = [(template.values_of(payload), messages[payload]) for payload in spread(allowed, _MOST_EXAMPLES)]
        order = ["phase", *_STRENGTHS]
        names = sorted(template.names, key=lambda name: (order.index(name) if name in order else 9, name))
        name = "set_" + "_and_".join(name.removesuffix("_mmhg").removesuffix("_cpm") for name in names)
        name += "_from_start" if lowest else ""
        added = self.drafted.add(
            CommandPart(name, template.key, template.layout(least=lowest), examples, template.fits)
        )
        for fit in template.fits:
            span = [fit.value_of(wire) for wire in fit.span()]
            points = f"{fit.points} values seen, from {span[0]} to {span[-1]} may be sent"
            self._notes.prove(f"commands.{added}.payload.{fit.name}", f"{fit.words}: {points}", len(template.uses))
            if not fit.checked and len(fit.span()) < len(fit.wires):
                self._notes.miss(
                    f"More of {fit.name}: {fit.points} values show no rule for those between them, so only "
                    f"{', '.join(map(str, span))} may be sent. Record at least one more."
                )
        return added

    # Pausing

    def _draft_pause(self) -> None:
        pauses, resumes = self._of("pause"), self._of("resume")
        if not pauses or not resumes:
            return
        paused, resumed = self._common(pauses), self._common(resumes)
        if not paused or not resumed or set(paused) == set(resumed):
            self._notes.miss(
                "Pause and resume: the app sends the same bytes for both, or different ones each time, so they are not "
                "used. A stop and a start do the same."
            )
            return
        for content in resumed:
            template = self._templates.by_key.get(self._templates.key_of(content))
            if template is not None and (template.fits or not template.usable):
                self._notes.miss(
                    "A resume without a setting: the app's carries one, and a resume is given none. Stop and start."
                )
                return
        stops = {message.content for part in self.drafted.verbs[self._stop] for message in self._messages(part)}
        if set(paused) == stops:
            return  # the app pauses by a stop
        self._constant_verb("pause", "pause")
        self._constant_verb("resume", "resume")

    def _messages(self, part: str) -> list[Unwrapped]:
        return [message for _, message in self.drafted.parts[part].examples]


def _strength(state: Mapping[str, Value]) -> float:
    return next((float(state[name] or 0) for name in _STRENGTHS if name in state), 0.0)


def _constant(name: str, key: TemplateKey, messages: Sequence[Unwrapped]) -> CommandPart:
    payload = messages[0].payload
    return CommandPart(name, key, [payload.hex(" ")] if payload else [], [({}, messages[0])])


def _narrower(template: CommandTemplate, others: Mapping[str, ValueFit]) -> bool:
    """Return whether another command can set something further than this one."""
    for fit in template.fits:
        other = others.get(fit.name)
        if other is None:
            continue
        mine = {str(fit.value_of(wire)) for wire in fit.span()}
        if fit.is_code and len(other.wires) > len(mine):
            return True
        if not fit.is_code:
            spans = [[float(each.value_of(wire) or 0) for wire in each.span()] for each in (fit, other)]
            if min(spans[1]) < min(spans[0]) or max(spans[1]) > max(spans[0]):
                return True
    return False


def _wires(state: Mapping[str, Value], settings: Sequence[CommandTemplate]) -> dict[str, int]:
    """Return the numbers on the wire that stand for the strength of a state, by the names of fields."""
    found: dict[str, int] = {}
    for fit in (fit for template in settings for fit in template.fits):
        if fit.name in _STRENGTHS and fit.name in state:
            found.update((fit.name, wire) for wire in fit.wires if fit.value_of(wire) == state[fit.name])
    return found


def _inside(payload: bytes, fits: Sequence[ValueFit], least: Mapping[str, int]) -> bool:
    """Return whether all fields of a payload are in the range that may be sent."""
    for fit in fits:
        span, wire = fit.span(), fit.wire_of(payload)
        if not fit.is_code and not max(span[0], least.get(fit.name, span[0])) <= wire <= span[-1]:
            return False
    return True
