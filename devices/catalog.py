"""The device models known here, and which of them fits what an advertisement says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from devices.profiles.families import is_member
from devices.profiles.match_spec import Match
from devices.profiles.schema import Profile
from devices.shipped import SHIPPED
from devices.sighting import Sighting
from devices.yaml_file import FileError, Problem, load_yaml


@dataclass(frozen=True)
class Fit:
    """Whether a profile fits an advertisement, and why or why not, for a person to read."""

    profile: Profile
    fits: bool
    why: str


def fit(profile: Profile, sighting: Sighting) -> Fit:
    """Hold one profile against one advertisement. Everything the profile's `match` names must be there.

    Where a part is enough, all that is advertised must fit, and something of it must be.
    """
    match = profile.match
    parts = [part for part in (_name(match, sighting), _services(match, sighting), _maker(match, sighting)) if part]
    for part in parts:
        if part.wrong is not None and not (match.partial and part.missing):
            return Fit(profile, False, part.wrong)
    if match.partial and all(part.missing for part in parts):
        return Fit(profile, False, parts[0].wrong or "")
    if match.address is not None and not fnmatchcase(sighting.address.upper(), match.address.upper()):
        return Fit(profile, False, f"its address is not like {match.address}")
    if match.ambiguous:
        return Fit(profile, True, "it fits, but so do devices of other kinds: name the address")
    return Fit(profile, True, "it fits")


@dataclass(frozen=True)
class _Part:
    """What is wrong with one part of an advertisement, if anything; `missing`: that it is not advertised at all."""

    wrong: str | None = None
    missing: bool = False


def _name(match: Match, sighting: Sighting) -> _Part | None:
    if not match.name:
        return None
    name = sighting.name or ""
    if not any(fnmatchcase(name, pattern) for pattern in match.name):
        return _Part(f"its name is {name or 'not advertised'}, not {' or '.join(match.name)}", missing=not name)
    if any(fnmatchcase(name, pattern) for pattern in match.not_name):
        return _Part(f"its name is {name}, which is another model")
    return _Part()


def _services(match: Match, sighting: Sighting) -> _Part | None:
    if not match.services:
        return None
    missing = [each for each in match.services if not any(is_member(uuid, each) for uuid in sighting.services)]
    if missing:
        return _Part(f"it does not advertise the service {missing[0]}", missing=len(missing) == len(match.services))
    return _Part()


def _maker(match: Match, sighting: Sighting) -> _Part | None:
    wanted = match.manufacturer
    if wanted is None:
        return None
    data = sighting.manufacturers.get(wanted.id)
    if wanted.fits(data):
        return _Part()
    words = wanted.data[0] if len(wanted.data) == 1 else f"with one of {len(wanted.data)} beginnings"
    return _Part(f"its manufacturer data is not {wanted.id:#06x} {words if wanted.data else ''}".rstrip(), data is None)


class Catalog:
    """Profiles by id."""

    def __init__(self, profiles: Iterable[Profile]) -> None:
        self._profiles = {profile.id: profile for profile in profiles}

    @classmethod
    def load(cls, *extra: Path) -> Catalog:
        """Read the shipped profiles and those in the owner's folders. Raise `FileError` for any that is wrong."""
        found: dict[str, tuple[Path, Profile]] = {}
        for folder in (SHIPPED / "profiles", *extra):
            for file in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
                profile = load_yaml(file, Profile)
                if profile.id in found:
                    taken = Problem(_line_of_id(file), "id", f"{profile.id} is taken by {found[profile.id][0]}")
                    raise FileError(file, [taken])
                found[profile.id] = (file, profile)
        return cls(profile for _, profile in found.values())

    def __iter__(self) -> Iterator[Profile]:
        return iter(self._profiles.values())

    def get(self, profile_id: str) -> Profile | None:
        """Return the profile of that id."""
        return self._profiles.get(profile_id)

    @property
    def ids(self) -> tuple[str, ...]:
        """All ids, in order of loading."""
        return tuple(self._profiles)

    def fitting(self, sighting: Sighting) -> list[Fit]:
        """Return the profiles that fit an advertisement."""
        return [each for each in (fit(profile, sighting) for profile in self._profiles.values()) if each.fits]


def _line_of_id(file: Path) -> int:
    lines = file.read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, 1) if line.startswith("id:")), 1)
