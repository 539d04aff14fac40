"""Draw docs/demo.svg, the picture in the README, from a real run of the demo. Run: .venv/bin/python docs/picture.py"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from rich.console import Console

from controller.cli.command_settings import virtual_app
from controller.cli.terminal.live_view import View
from controller.cli.terminal.view_state import ViewState
from controller.contract.words import load_words
from controller.mqtt.mqtt_settings import MqttSettings
from controller.settings import Settings
from devices.roles import Side
from devices.support.clock import ScaledClock

_INTO_EXPRESSION_SECONDS = 260.0
_LINES = 28
# Rich's own template names a font on a server; this one makes do with what the reader has.
_SVG = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: "Fira Code", "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: arial; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""


async def main() -> None:
    """Run the demo's session until milk flows, and draw the live view as it is then."""
    clock = ScaledClock(float("inf"))
    settings = Settings(mqtt=MqttSettings(embedded_port=0))
    with contextlib.ExitStack() as held:
        held.enter_context(clock.held())
        async with virtual_app(settings, clock, 2, parent=lambda: True) as app:
            task = asyncio.create_task(app.run())
            station = next(iter(app.stations.values()))
            while not all(device.link.connected for device in station.devices):  # noqa: ASYNC110 - a script
                await asyncio.sleep(0.01)
            state = ViewState(load_words("en"), "virtual devices, seed 2, at 60x real time")
            state.keys = True
            app.stream.subscribe(state.take)
            station.start("classic", Side.BOTH, no_symptoms=False)
            held.close()
            while station.snapshot.step != "express":
                await clock.sleep(1)
            await clock.sleep(_INTO_EXPRESSION_SECONDS)
            console = Console(record=True, width=96, force_terminal=True, file=Path("/dev/null").open("w"))  # noqa: SIM115, ASYNC230
            console.print(View(state.picture(), _LINES))
            console.save_svg("docs/demo.svg", title="letdown demo", code_format=_SVG)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


asyncio.run(main())
