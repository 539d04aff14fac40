"""Compare a profile with buttplug's configuration, and its commands with what buttplug's drivers write. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from devices.driver.vocabulary import is_member
from devices.errors import RefusedError
from devices.profiles.codec import Codec
from devices.profiles.schema import Profile
from tests.buttplug.drivers import Compared, Writes

Facts = dict[str, Any]
_MANUFACTURER = "manufacturer data"


def claims_buttplug(profile: Profile) -> bool:
    """Say whether a profile names buttplug as its source."""
    return profile.provenance.startswith("buttplug")


def ours(profile: Profile, compared: Compared) -> Facts:
    """Return what a profile says, in the words of the comparison."""
    maker = profile.match.manufacturer
    return {
        "names": sorted(profile.match.name),
        "not names": sorted(profile.match.not_name),
        _MANUFACTURER: sorted(f"{maker.id} {data}" for data in maker.data) if maker else [],
        "characteristics": sorted(f"{each.service} {each.characteristic}" for each in profile.channels.values()),
        "steps": steps_of(profile),
        "commands": commands(profile, compared),
    }


def steps_of(profile: Profile) -> int | None:
    """Return in how many steps a profile sets the intensity; `None` where it is on or off."""
    found: set[int] = set()
    for command in profile.commands.values():
        for each in (*command.payload, *command.fields.values()):
            if each.name == "intensity" and each.full_scale is not None:
                found.add(round(each.full_scale))
    assert len(found) < 2, f"{profile.id} has several"
    return found.pop() if found else None


# Commands


def commands(profile: Profile, compared: Compared) -> Facts:
    """Return which steps are written as buttplug's driver writes them, and what else is."""
    codec = Codec(profile)
    names = profile.match.name
    alike, other, refused = [], {}, []
    for step in range(1, (compared.steps or 1) + 1):
        values = {"intensity": step / (compared.steps or 1), "side": "both"}
        try:
            written = _writes(codec, "run", values)
        except RefusedError:
            refused.append(step)
            continue
        wanted = {tuple(compared.run(name, step)) for name in names}
        if wanted == {tuple(written)}:
            alike.append(step)
        else:
            other[step] = _words(written)
    facts: Facts = {"steps alike": _ranges(alike), "steps not sent": _ranges(refused), "steps unlike": other}
    fixed = {"stop": compared.stop or compared.run(names[0], 0), **compared.others}
    for verb, writes in fixed.items():
        facts[verb] = {"ours": _words(_writes(codec, verb, {})), "buttplug": _words(writes)}
    return facts


def _writes(codec: Codec, verb: str, values: Mapping[str, Any]) -> Writes:
    packets = [codec.encode_command(part, given) for part, given, _ in codec.packets(verb, values)]
    return [(packet.channel, packet.data) for packet in packets]


def _words(writes: Iterable[tuple[str, bytes]]) -> str:
    return ", ".join(f"{channel} {data.hex(' ')}" for channel, data in writes)


def _ranges(numbers: list[int]) -> str:
    if not numbers:
        return "none"
    together = numbers == list(range(numbers[0], numbers[-1] + 1))
    return f"{numbers[0]} to {numbers[-1]}" if together and len(numbers) > 1 else ", ".join(map(str, numbers))


# The configuration


def theirs(configuration: Facts, profile: Profile) -> Facts:
    """Return what a protocol's file says of the products that a profile is for."""
    (btle,) = [each["btle"] for each in configuration["communication"] if "btle" in each]
    services = {
        f"{service} {characteristic}"
        for service, places in btle["services"].items()
        for characteristic in places.values()
    }
    return {
        "names": sorted(dict.fromkeys(btle["names"])),
        _MANUFACTURER: sorted(
            f"{each['company']} {bytes(each.get('data', [])).hex(' ')}" for each in btle.get("manufacturer_data", [])
        ),
        "characteristics": sorted(services),
        "products left out": [
            f"{name} ({', '.join(outputs)})"
            for name, outputs in _products(configuration)
            if name.isdigit() and not _is_for(profile, name)
        ],
        "products": {name: outputs for name, outputs in _products(configuration) if _is_for(profile, name)},
    }


def _is_for(profile: Profile, identifier: str) -> bool:
    """Say whether a product, known by what buttplug tells it by, is one of those of a profile."""
    if identifier.isdigit():  # the number of a product, four bytes with the highest first
        maker = profile.match.manufacturer
        return maker is not None and int(identifier).to_bytes(4, "big").hex(" ") in maker.data
    by_name = any(fnmatchcase(identifier, pattern) for pattern in profile.match.name)
    return by_name or profile.id.startswith(("lovense", "htk", "kiiroo"))  # its models are not told by their names


def _products(configuration: Facts) -> Iterator[tuple[str, list[str]]]:
    defaults = configuration["defaults"]["features"]
    every = configuration.get("configurations", [])
    for each in every:
        for identifier in each["identifier"]:
            yield str(identifier), outputs_of(each.get("features", defaults))
    yield "others", outputs_of(defaults)


def outputs_of(features: list[Facts]) -> list[str]:
    """Return the outputs of a product, each as its kind, its place, and its steps."""
    return [
        f"{kind} {feature['index']} up to {abs(says['value'][-1]) if 'value' in says else '?'}"
        for feature in features
        for kind, says in feature.get("output", {}).items()
    ]


def differences(mine: Facts, other: Facts, compared: Compared) -> Iterator[tuple[str, Facts]]:
    """Yield what is not the same: of what it is, and what stands on each side."""
    yield from _of_advertisements(mine, other)
    yield from _of_products(mine, other, compared)
    yield from _of_commands(mine["commands"])


def same(mine: Facts, other: Facts) -> Facts:
    """Return the names and characteristics that both sides have."""
    missing, _ = _places(mine["characteristics"], other["characteristics"])
    return {
        "names": [each for each in other["names"] if any(fnmatchcase(each, pattern) for pattern in mine["names"])],
        "characteristics": [each for each in other["characteristics"] if each not in missing],
    }


def _of_advertisements(mine: Facts, other: Facts) -> Iterator[tuple[str, Facts]]:
    unknown = [each for each in other["names"] if not any(fnmatchcase(each, pattern) for pattern in mine["names"])]
    broader = [each for each in mine["names"] if each not in other["names"]]
    missing, more = _places(mine["characteristics"], other["characteristics"])
    if unknown:
        yield "names that only buttplug has", {"buttplug": unknown}
    if broader:
        yield "names that only we have", {"ours": broader}
    if mine["not names"]:
        yield "names that we except", {"ours": mine["not names"]}
    if mine[_MANUFACTURER] != other[_MANUFACTURER]:
        yield _MANUFACTURER, {"ours": mine[_MANUFACTURER], "buttplug": other[_MANUFACTURER]}
    if missing:
        yield "characteristics that only buttplug has", {"buttplug": missing}
    if more:
        yield "characteristics that only we have", {"ours": more}


def _of_products(mine: Facts, other: Facts, compared: Compared) -> Iterator[tuple[str, Facts]]:
    driven = {f"{kind} {index}" for kind, index in compared.drives}
    undriven, steps = {}, {}
    for name, outputs in _known(other):
        if left := [each for each in outputs if each.split(" up")[0] not in driven]:
            undriven[name] = left
        if unlike := [each for each in outputs if _unlike(each, driven, mine["steps"])]:
            steps[name] = unlike
    if other["products left out"]:
        yield "products that only buttplug has", {"buttplug": other["products left out"]}
    if undriven:
        yield "outputs that we leave alone", {"buttplug": undriven}
    if steps:
        yield "steps", {"ours": mine["steps"], "buttplug": steps}


def _of_commands(written: Facts) -> Iterator[tuple[str, Facts]]:
    if written["steps not sent"] != "none":
        yield "steps that we do not send", {"ours": written["steps not sent"]}
    if written["steps unlike"]:
        yield "commands", {"ours": written["steps unlike"]}
    for verb, says in written.items():
        if isinstance(says, dict) and "buttplug" in says and says["ours"] != says["buttplug"]:
            yield f"command {verb}", says


def _known(other: Facts) -> list[tuple[str, list[str]]]:
    return [(name, outputs) for name, outputs in other["products"].items() if name != "others"]


def _unlike(output: str, driven: set[str], steps: int | None) -> bool:
    place, most = output.split(" up to ")
    return place in driven and place.startswith("vibrate") and most != str(steps or 1)


def _places(mine: list[str], other: list[str]) -> tuple[list[str], list[str]]:
    """Return (service, characteristic) pairs that only one side has; a family has all its members."""
    missing = [each for each in other if not any(_covers(pattern, each) for pattern in mine)]
    more = [pattern for pattern in mine if not any(_covers(pattern, each) for each in other)]
    return missing, more


def _covers(pattern: str, place: str) -> bool:
    return all(is_member(uuid, wanted) for uuid, wanted in zip(place.split(), pattern.split(), strict=True))
