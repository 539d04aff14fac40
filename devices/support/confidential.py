"""Models whose input may be a password or a key, and how much of it an error may repeat: nothing.

Somebody who writes `mqtt: "mqtt://user:password@host"` where a mapping belongs has made a mistake about the shape, and
must not find the password in a log for it. So what counts is the place in the model, not the kind of value found there.
"""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Literal, TypeGuard, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, SecretStr

from devices.roles import Frozen

_SIMILAR = 0.7  # of 1; a misspelt key is as similar as that to the right one, a password is not


class Confidential(Frozen):
    """A model that may hold secrets: no error repeats anything that was given for it, or for what is below it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class NotText:
    """In an error in place of a secret that was not text, so that it is not shown."""

    def __repr__(self) -> str:
        return "(not shown; write it in quotes)"


def mask(value: object) -> object:
    """Return a secret as it was given, so that nothing can show it."""
    if value is None or isinstance(value, SecretStr):
        return value
    return SecretStr(value) if isinstance(value, str) else NotText()


@dataclass(frozen=True)
class FieldLocation:
    """A place in a model. `path`: as much of the way to it as may be shown; `fields`: the keys that fit there."""

    path: tuple[Hashable, ...]
    hidden: bool
    fields: tuple[str, ...]

    def shows_key(self, key: object) -> bool:
        """Return whether a key that does not fit here may be shown: where secrets may be, only a misspelt one."""
        return not self.hidden or bool(difflib.get_close_matches(str(key), self.fields, 1, _SIMILAR))


def place(model: type[BaseModel], loc: Sequence[Hashable]) -> FieldLocation:
    """Return what is known of a place; `loc` is that of a pydantic error."""
    annotation: object = model
    confidential = _is_confidential(annotation)
    path: list[Hashable] = []
    for part in loc:
        if confidential and not isinstance(part, int) and part not in _fields(annotation):
            break  # a key that is not ours
        path.append(part)
        annotation = _below(annotation, part)
        confidential = confidential or _is_confidential(annotation)
    return FieldLocation(tuple(path), confidential or holds_secrets(annotation), _fields(annotation))


def holds_secrets(annotation: object, seen: frozenset[object] = frozenset()) -> bool:
    """Return whether a value of this type may hold a secret, at any depth."""
    for each in _alternatives(annotation):
        if each is SecretStr or _is_confidential(each):
            return True
        if _is_model(each) and each not in seen:
            inside: list[object] = [field.annotation for field in each.model_fields.values()]
            if any(holds_secrets(inner, seen | {each}) for inner in inside):
                return True
        if any(holds_secrets(inner, seen) for inner in get_args(each)):
            return True
    return False


def _alternatives(annotation: object) -> list[object]:
    """Return the types of a union, without `None`; of any other annotation, itself."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _alternatives(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return [each for arg in get_args(annotation) if arg is not NoneType for each in _alternatives(arg)]
    return [annotation]


def _below(annotation: object, part: Hashable) -> object:
    """Return the type of what is found under a key or an index; `None` where that is not known."""
    for each in _alternatives(annotation):
        if _is_model(each):
            if isinstance(part, str) and part in each.model_fields:
                return each.model_fields[part].annotation
            if _tagged(each, part):
                return each
            continue
        origin, args = get_origin(each), get_args(each)
        if isinstance(origin, type) and args:
            if issubclass(origin, Mapping):
                return args[1]
            if isinstance(part, int):
                return args[0]
    return None


def _tagged(model: type[BaseModel], part: Hashable) -> bool:
    """Return whether this is the model of a union that pydantic names by its tag, as in `steps.1.warm`."""
    return any(
        get_origin(field.annotation) is Literal and field.default == part for field in model.model_fields.values()
    )


def _fields(annotation: object) -> tuple[str, ...]:
    return tuple(name for each in _alternatives(annotation) if _is_model(each) for name in each.model_fields)


def _is_confidential(annotation: object) -> bool:
    return any(isinstance(each, type) and issubclass(each, Confidential) for each in _alternatives(annotation))


def _is_model(annotation: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
