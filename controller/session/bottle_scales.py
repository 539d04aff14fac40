"""The scales of one session: each follows the bottle of its side. They measure, and start nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Callable, Sequence
from functools import partial

from controller.contract.events import Volume
from controller.session.weighing import Weighing
from devices.errors import DeviceError
from devices.roles import Capability, Scale, Side

_LOGGER = logging.getLogger(__name__)

SETTLE_SECONDS = 2.0  # ours: by then, a scale has carried out a tare, and the bottle stands
_SILENT_SECONDS = 5.0  # ours: a scale that has not reported for so long shows nothing about the flow


class BottleScales:
    """Weighs the milk of one session, from `subscribe` until `unsubscribe`.

    `on_weight` is called with each weight. `sucks` returns whether there is suction now.
    """

    def __init__(
        self,
        scales: Sequence[Scale],
        now: Callable[[], float],
        on_weight: Callable[[], None],
        sucks: Callable[[], bool],
    ) -> None:
        self._scales = {scale.name: scale for scale in scales}
        self._weighings = {
            scale.name: Weighing(breasts=2 if scale.side is Side.BOTH else 1) for scale in self._scales.values()
        }
        self._now = now
        self._on_weight = on_weight
        self._sucks = sucks
        self._reported_at_seconds: dict[str, float | None] = {}
        self._tares: set[asyncio.Task[None]] = set()
        self._stack = contextlib.ExitStack()

    def __bool__(self) -> bool:
        return bool(self._scales)

    def subscribe(self) -> None:
        """Start to weigh; milk counts from the first `tare` on."""
        for scale in self._scales.values():
            self._stack.callback(scale.on_change(partial(self._on_change, scale)))

    def unsubscribe(self) -> None:
        """Stop weighing; the results stay."""
        self._stack.close()
        for task in self._tares:
            task.cancel()

    def tare(self) -> None:
        """Take each bottle with what is in it for empty; scales that can be set to zero are.

        Where that fails, nothing is lost: the weight counts from here on, whatever the display of the scale shows.
        """
        for name, scale in self._scales.items():
            self._weighings[name].tare(self._now(), SETTLE_SECONDS)
            if Capability.TARE in scale.capabilities and scale.connected:
                task = asyncio.create_task(_tare(scale), name=f"tare {name}")
                self._tares.add(task)
                task.add_done_callback(self._tares.discard)

    @property
    def volume_ml(self) -> Volume:
        """Milk in mL by the side of its scale, rounded down; `None` where nothing was weighed."""
        volumes: dict[Side, float] = {}
        for name, weighing in self._weighings.items():
            if weighing.credited_ml is not None:
                side = self._scales[name].side
                volumes[side] = volumes.get(side, 0.0) + weighing.credited_ml
        rounded = {side: math.floor(ml * 10 + 1e-6) / 10 for side, ml in volumes.items()}
        return Volume(left=rounded.get(Side.LEFT), right=rounded.get(Side.RIGHT), both=rounded.get(Side.BOTH))

    @property
    def lets_down(self) -> bool:
        """Whether milk flows into any bottle as after a let-down."""
        return any(each.lets_down for each in self._known())

    @property
    def slow_flow_ml_per_s(self) -> float | None:
        """The sum of the flows of the last 10 s, which show a drip; `None` unless it is known of every bottle."""
        flows = [each.slow_flow_ml_per_s for each in self._known()]
        known = [flow for flow in flows if flow is not None]
        return sum(known) if known and len(known) == len(self._scales) else None

    def _known(self) -> list[Weighing]:
        """Return those whose scale still reports."""
        silent_since = self._now() - _SILENT_SECONDS
        return [
            weighing
            for name, weighing in self._weighings.items()
            if (self._reported_at_seconds.get(name) or -math.inf) > silent_since
        ]

    def _on_change(self, scale: Scale) -> None:
        at_seconds = scale.updated_at_seconds("weight_g")
        grams = scale.reading.weight_g
        if grams is not None and at_seconds == self._reported_at_seconds.get(scale.name):
            return  # it reported something else
        self._reported_at_seconds[scale.name] = at_seconds
        self._weighings[scale.name].update(grams, self._now(), sucks=self._sucks())
        self._on_weight()


async def _tare(scale: Scale) -> None:
    try:
        await scale.tare()
    except DeviceError as error:
        _LOGGER.info("%s was not set to zero: %s", scale.name, error)
