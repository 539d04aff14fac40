"""Features, stations and devices in the owner's language. Ids and payloads stay the same in every language."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from controller.contract.features.feature import Feature, StationFeatures
from controller.contract.words import Words, first_upper

_KEY = re.compile(r"[a-z0-9]+([-_][a-z0-9]+)*")  # a name such as `left-pump`, which is no word of a language


def localized(
    stations: Iterable[StationFeatures], words: Words, routines: Mapping[str, str]
) -> tuple[StationFeatures, ...]:
    """Return stations with the names and options that a person reads. `routines`: the name of each routine."""
    found = tuple(stations)
    return tuple(_station(station, words, routines, alone=len(found) == 1) for station in found)


def _station(station: StationFeatures, words: Words, routines: Mapping[str, str], *, alone: bool) -> StationFeatures:
    labels = _labels(words, routines)
    titles = _device_titles(station, words)
    return station.model_copy(
        update={
            "title": "Letdown" if alone else f"Letdown {station.name}",
            "features": tuple(_feature(each, words, labels) for each in station.features),
            "devices": tuple(
                device.model_copy(
                    update={
                        "title": title if alone else f"{title} · {station.name}",
                        "features": tuple(_feature(each, words, labels) for each in device.features),
                    }
                )
                for device, title in zip(station.devices, titles, strict=True)
            ),
        }
    )


def _device_titles(station: StationFeatures, words: Words) -> list[str]:
    """Return the owner's name of each device, or what it is and where; with its key, where two would be alike."""
    titles = [
        device.name if not _KEY.fullmatch(device.name) else words.entities.devices[device.role][device.side]
        for device in station.devices
    ]
    often = Counter(titles)
    return [
        title if often[title] == 1 else f"{title} ({device.name})"
        for title, device in zip(titles, station.devices, strict=True)
    ]


def _labels(words: Words, routines: Mapping[str, str]) -> dict[str, Mapping[str, str]]:
    often = Counter(routines.values())
    labels = words.labels.model_dump(mode="json")
    return {
        "state": labels["session"],
        "phase": labels["phase"],
        "step": {name: step.title for name, step in words.steps.items()},
        "run_state": labels["run"],
        "side": {side.value: name for side, name in words.sides.items()},
        "routine": {id_: name if often[name] == 1 else f"{name} ({id_})" for id_, name in routines.items()},
        "reply": words.entities.replies,
    }


def _feature(feature: Feature, words: Words, labels: Mapping[str, Mapping[str, str]]) -> Feature:
    known = labels.get(feature.id, {})
    return feature.model_copy(
        update={
            "name": words.entities.names.get(feature.id, feature.name),
            "labels": {option: first_upper(known[option]) for option in feature.options if option in known},
        }
    )
