"""Families of services: a `?` in a UUID stands for any hex digit, and a characteristic follows its service. Pure.

In a characteristic, `?` is the digit that stands at the same place in the service that the device has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from devices.profiles.schema import Channel, Profile

_OPEN = "?"
_MOST_OPEN = 8  # of the 32 digits of a UUID; what says less about a device is no name for it


def family(value: object) -> str | None:
    """Return a family in lower case, or `None` for what is none. Raise `ValueError` for one that says too little."""
    text = value.lower() if isinstance(value, str) else ""
    if _OPEN not in text:
        return None
    if not re.fullmatch(r"[0-9a-f?]{8}(-[0-9a-f?]{4}){3}-[0-9a-f?]{12}", text):
        raise ValueError("a family of UUIDs has 32 hex digits in the form 8-4-4-4-12, with ? for those that differ")
    if text.count(_OPEN) > _MOST_OPEN:
        raise ValueError(f"a family leaves {_MOST_OPEN} digits open at most, and this {text.count(_OPEN)}")
    return text


def is_family(uuid: str | None) -> bool:
    """Say whether a UUID leaves digits open."""
    return uuid is not None and _OPEN in uuid


def is_member(uuid: str, wanted: str) -> bool:
    """Say whether a UUID is the wanted one, or a member of the wanted family."""
    return len(uuid) == len(wanted) and all(digit in (_OPEN, uuid[at]) for at, digit in enumerate(wanted))


def follows(characteristic: str, service: str) -> bool:
    """Say whether a characteristic leaves no digit open that its service does not."""
    return all(digit != _OPEN or service[at] == _OPEN for at, digit in enumerate(characteristic))


def filled(uuid: str, member: str) -> str:
    """Return a UUID with the digits of a member in place of those that it leaves open."""
    return "".join(member[at] if digit == _OPEN else digit for at, digit in enumerate(uuid))


def member_among(channels: Mapping[str, Channel], offered: Iterable[tuple[str, str]]) -> str | None:
    """Return the first service that a device offers, as (service, characteristic), with all that the family needs."""
    wanted = [each for each in channels.values() if is_family(each.service)]
    found = list(offered)
    for service in dict.fromkeys(service for service, _ in found):
        there = {characteristic for offering, characteristic in found if offering == service}
        needed = [each.characteristic or "" for each in wanted if not each.optional]
        fits = all(is_member(service, each.service or "") for each in wanted)
        if wanted and fits and all(filled(characteristic, service) in there for characteristic in needed):
            return service
    return None


def problems_with_families(profile: Profile) -> Iterator[str]:
    """There is one family in a profile, and a member of it that was published, for the virtual twin."""
    families = list(dict.fromkeys(each.service for each in profile.channels.values() if is_family(each.service)))
    families += [each for each in profile.match.services if is_family(each) and each not in families]
    if len(families) > 1:
        yield f"channels: there is one family of services in a profile, and here are {' and '.join(map(str, families))}"
    elif families and profile.member is None:
        yield f"member: say one service of the family {families[0]} that was published; the virtual twin has it"
    elif families and profile.member and not is_member(profile.member, families[0] or ""):
        yield f"member: {profile.member} is not of the family {families[0]}"
    elif profile.member is not None and not families:
        yield "member: it belongs to a family of services, and no service here has digits that are open (?)"
