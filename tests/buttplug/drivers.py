"""What buttplug's drivers write, by hand from their source (crates/buttplug_server/src/device/protocol_impl).

Nothing here was made by our own encoder. Steps are whole numbers, as in buttplug's configuration; 0 is a stop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Writes = list[tuple[str, bytes]]
Output = tuple[str, int]


def joyhub(index: int, step: int) -> bytes:
    """Return joyhub.rs, form_hardware_command: one of four places is set."""
    places = [0, 0, 0, 0]
    places[index] = step
    return bytes([0xA0, 0x03, *places, 0xAA])


def joyhub_heat(on: bool) -> bytes:
    """Return joyhub.rs, handle_output_temperature_cmd."""
    return bytes([0xA0, 0x04, 0x01, 0x00, 0x01, 0xFF] if on else [0xA0, 0x04, 0x00, 0x00, 0x00, 0x00])


def satisfyer(motors: int, step: int) -> bytes:
    """Return satisfyer.rs, form_command: four bytes for each motor."""
    return bytes([step] * 4 * motors)


def lovense(step: int) -> bytes:
    """Return lovense/mod.rs, form_vibrate_command."""
    return f"Vibrate:{step};".encode()


def wevibe8bit(step: int) -> bytes:
    """Return wevibe8bit.rs with the speeds of both motors alike, as it is for a product with one."""
    if step == 0:
        return bytes([0x0F, 0, 0, 0, 0, 0, 0, 0])
    return bytes([0x0F, 0x03, 0x00, step + 3, step + 3, 0x03, 0x00, 0x00])


def magic_motion_v1(step: int) -> bytes:
    """Return magic_motion_v1.rs."""
    return bytes([0x0B, 0xFF, 0x04, 0x0A, 0x32, 0x32, 0x00, 0x04, 0x08, step, 0x64, 0x00])


def foreo(name: str, step: int) -> bytes:
    """Return foreo.rs: the mode is found in the name."""
    lower = name.lower()
    mode = 3 if "smart" in lower and "2" in lower else 1 if "fofo" in lower or "ufo" in lower else 0
    return bytes([0x01, mode, step])


def kiiroo_prowand(step: int) -> bytes:
    """Return kiiroo_prowand.rs."""
    return bytes([0x00, 0x00, 0x64, 0x00 if step == 0 else 0xFF, step, step])


def htk_bm(left: int, right: int) -> bytes:
    """Return htk_bm.rs: each side is on or off."""
    return bytes([11 if left and right else 12 if left else 13 if right else 15])


@dataclass(frozen=True)
class Compared:
    """One profile beside buttplug.

    `file`: its protocol's file in the configuration. `runs`: what is written for a step, for each name that matters.
    `drives`: which outputs of a product these are, as kind and index.
    """

    file: str
    steps: int | None
    run: Callable[[str, int], Writes]
    stop: Writes
    drives: frozenset[Output] = frozenset({("vibrate", 0)})
    others: Mapping[str, Writes] = field(default_factory=dict)


def _one(channel: str, encode: Callable[[int], bytes]) -> Callable[[str, int], Writes]:
    return lambda _name, step: [(channel, encode(step))]


_HEAT = {"set_target": [("tx", joyhub_heat(True))], "off": [("tx", joyhub_heat(False))]}
_LOVENSE = Compared("lovense", 20, _one("tx", lovense), [("tx", lovense(0))])
_FOREO = Compared("foreo", 10, lambda name, step: [("tx", foreo(name, step))], [])

COMPARED: dict[str, Compared] = {
    "foreo-fofo": _FOREO,
    "foreo-luna": _FOREO,
    "foreo-play-smart-2": _FOREO,
    "htk-breast-massager": Compared(
        "htk_bm",
        None,
        lambda _name, _step: [("tx", htk_bm(1, 1))],
        [("tx", htk_bm(0, 0))],
        frozenset({("vibrate", 0), ("vibrate", 1)}),
    ),
    "joyhub": Compared(
        "joyhub",
        255,
        _one("tx", lambda step: joyhub(0, step)),
        [("tx", joyhub(0, 0))],
        frozenset({("vibrate", 0), ("temperature", 6)}),
        _HEAT,
    ),
    "joyhub-melody": Compared(
        "joyhub",
        255,
        _one("tx", lambda step: joyhub(1, step)),
        [("tx", joyhub(1, 0))],
        frozenset({("vibrate", 1), ("temperature", 6)}),
        _HEAT,
    ),
    "kiiroo-prowand": Compared("kiiroo-prowand", 255, _one("tx", kiiroo_prowand), [("tx", kiiroo_prowand(0))]),
    "lovense": _LOVENSE,
    "lovense-gen1": _LOVENSE,
    "lovense-gen3": _LOVENSE,
    "magic-motion-v1": Compared("magic-motion-1", 100, _one("tx", magic_motion_v1), [("tx", magic_motion_v1(0))]),
    # Its start is written once, by the driver's initializer.
    "satisfyer": Compared(
        "satisfyer",
        100,
        lambda _name, step: [("control", b"\x01"), ("speed", satisfyer(1, step))],
        [("speed", satisfyer(1, 0))],
    ),
    "we-vibe-8bit": Compared("wevibe-8bit", 12, _one("tx", wevibe8bit), [("tx", wevibe8bit(0))]),
    "we-vibe-wand": Compared("wevibe-8bit", 22, _one("tx", wevibe8bit), [("tx", wevibe8bit(0))]),
}
