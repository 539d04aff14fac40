"""The installed device models, and which of them an advertisement may be of."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from devices.bluetooth.advertisement import Advertisement
from devices.driver.device_model import DeviceModel, Match
from devices.driver.registry import load_model
from devices.driver.vocabulary import is_member
from devices.support.file_error import FileError
from devices.support.shipped import SHIPPED
from devices.support.yaml_file import read_document

# Reserved on the command line and in topics: a virtual device is called like its profile.
_RESERVED = {
    *("all", "any", "check", "command", "controller", "demo", "device", "devices", "event", "guide", "none", "owner"),
    *("profile", "profiles", "reply", "run", "set", "state", "test", "virtual"),
}


def id_problem(profile_id: str, file: Path) -> str | None:
    """Return why a profile in `file` cannot have an id: it is a reserved word, or that of a shipped profile."""
    if profile_id in _RESERVED:
        return f"{profile_id} is a word that commands and topics use; choose another id"
    shipped = SHIPPED / "profiles" / f"{profile_id}.yaml"
    if shipped.exists() and not (file.exists() and file.samefile(shipped)):
        return f"{profile_id} is the id of a profile that comes with Letdown; choose another id"
    return None


@dataclass(frozen=True)
class Fit:
    """Whether a model fits an advertisement, and why or why not, for a person to read."""

    profile: DeviceModel
    fits: bool
    why: str


def fit(profile: DeviceModel, advertisement: Advertisement) -> Fit:
    """Compare one model with one advertisement. Everything that the model's `match` names must be there.

    Where a part is enough, all that is advertised must fit, and something of it must be.
    """
    match = profile.match
    parts = [part for compare in (_name, _services, _maker, _service_data) if (part := compare(match, advertisement))]
    for part in parts:
        if part.wrong is not None and not (match.partial and part.missing):
            return Fit(profile, False, part.wrong)
    if match.partial and all(part.missing for part in parts):
        return Fit(profile, False, parts[0].wrong or "")
    if match.address is not None and not fnmatchcase(advertisement.address.upper(), match.address.upper()):
        return Fit(profile, False, f"its address is not like {match.address}")
    if profile.encrypted is not None:
        return Fit(profile, True, f"it fits, and it cannot be used: its protocol is encrypted ({profile.encrypted})")
    if match.ambiguous:
        return Fit(profile, True, "it fits, but so do devices of other kinds: name the address")
    return Fit(profile, True, "it fits")


@dataclass(frozen=True)
class _Part:
    """What is wrong with one part of an advertisement, if anything; `missing`: that it is not advertised at all."""

    wrong: str | None = None
    missing: bool = False


def _name(match: Match, advertisement: Advertisement) -> _Part | None:
    if not match.name:
        return None
    name = advertisement.name or ""
    if not any(fnmatchcase(name, pattern) for pattern in match.name):
        return _Part(f"its name is {name or 'not advertised'}, not {' or '.join(match.name)}", missing=not name)
    if any(fnmatchcase(name, pattern) for pattern in match.not_name):
        return _Part(f"its name is {name}, which is another model")
    return _Part()


def _services(match: Match, advertisement: Advertisement) -> _Part | None:
    if not match.services:
        return None
    missing = [each for each in match.services if not any(is_member(uuid, each) for uuid in advertisement.services)]
    if missing:
        return _Part(f"it does not advertise the service {missing[0]}", missing=len(missing) == len(match.services))
    return _Part()


def _maker(match: Match, advertisement: Advertisement) -> _Part | None:
    wanted = match.manufacturer
    if wanted is None:
        return None
    data = advertisement.manufacturers.get(wanted.id)
    if wanted.fits(data):
        return _Part()
    words = wanted.data[0] if len(wanted.data) == 1 else f"with one of {len(wanted.data)} beginnings"
    return _Part(f"its manufacturer data is not {wanted.id:#06x} {words if wanted.data else ''}".rstrip(), data is None)


def _service_data(match: Match, advertisement: Advertisement) -> _Part | None:
    wanted = match.service_data
    if wanted is None:
        return None
    data = advertisement.service_data.get(wanted.uuid)
    if wanted.fits(data):
        return _Part()
    words = f" {' or '.join(wanted.data)}" if wanted.data else ""
    return _Part(f"its service data is not {wanted.uuid}{words}", data is None)


def profile_ids(*extra: Path) -> tuple[str, ...]:
    """Return the ids of the shipped profiles and of those in the owner's folders, without validating any of them."""
    ids = [file.stem for file in _files(SHIPPED / "profiles")]  # a shipped file is called like its profile
    for folder in extra:
        for file in _files(folder):
            with contextlib.suppress(FileError):  # reported when it is loaded
                data = read_document(file).data
                ids += [data["id"]] if isinstance(data, dict) and isinstance(data.get("id"), str) else []
    return tuple(ids)


def _files(folder: Path) -> list[Path]:
    return sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])


class Catalog:
    """Profiles by id."""

    def __init__(self, profiles: Iterable[DeviceModel]) -> None:
        self._profiles = {profile.id: profile for profile in profiles}

    @classmethod
    def load(cls, *extra: Path) -> Catalog:
        """Read the shipped profiles and those in the owner's folders. Raise `FileError` for any that is wrong."""
        found: dict[str, tuple[Path, DeviceModel]] = {}
        for folder in (SHIPPED / "profiles", *extra):
            for file in _files(folder):
                profile = load_model(file)
                if profile.id in found:
                    raise read_document(file).error("id", f"{profile.id} is taken by {found[profile.id][0]}")
                if problem := id_problem(profile.id, file):
                    raise read_document(file).error("id", problem)
                found[profile.id] = (file, profile)
        return cls(profile for _, profile in found.values())

    def __iter__(self) -> Iterator[DeviceModel]:
        return iter(self._profiles.values())

    def get(self, profile_id: str) -> DeviceModel | None:
        """Return the profile of that id."""
        return self._profiles.get(profile_id)

    @property
    def ids(self) -> tuple[str, ...]:
        """All ids, in order of loading."""
        return tuple(self._profiles)

    def fitting(self, advertisement: Advertisement) -> list[Fit]:
        """Return the profiles that fit an advertisement."""
        advertised = (profile for profile in self._profiles.values() if profile.bluetooth)
        return [each for each in (fit(profile, advertisement) for profile in advertised) if each.fits]
