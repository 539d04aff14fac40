"""Draw docs/tour.svg, a tour of two minutes: a whole session on virtual devices, as the terminal shows it.

Run: `make tour`. The session is real, at a clock that waits for nothing; every so often the live view is drawn. The
frames stand one below the other in one picture, which a style sheet moves, so no script is needed. Equal rows are kept
once.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from rich.color import blend_rgb
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import SVG_EXPORT_THEME as THEME

from controller.cli.command_settings import virtual_app
from controller.cli.terminal.live_view import View
from controller.cli.terminal.view_state import ViewState
from controller.contract.events import SessionState
from controller.contract.words import load_words
from controller.mqtt.mqtt_settings import MqttSettings
from controller.settings import Settings
from devices.roles import Side
from devices.support.clock import ScaledClock

SECONDS = 120  # of the tour
FRAMES = 48
COLUMNS, LINES = 64, 27  # so narrow that it can be read on a phone
EVERY_SECONDS = 5.0  # of the session, between two drawings
STILL = "express"  # the step that is shown where nothing may move
SEED = 2

# What the tour says of each step, in two lines at most.
CAPTIONS = {
    "check": ("Questions first. A symptom lowers today's limits.", "Nothing has been switched on yet."),
    "warm": ("Warmth, by a warm compress that reports its", "temperature. Heat ends at 42 °C at the latest."),
    "massage": ("Massage, by hand or with a massager,", "one side after the other."),
    "stimulate": ("The flange; then light, quick suction", "until the milk lets down. p is pain: all stops."),
    "express": ("Slow suction, no stronger than is comfortable.", "Milk and vacuum, as the pumps report them."),
    "": ("The end: every device is stopped,", "and reads back that it did."),
}

_WIDTH, _HEIGHT = 8.4, 18.0  # of a character
_MARGIN, _CAPTION = 12.0, 58.0
_SVG = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"
 viewBox="0 0 {width:g} {height:g}" role="img" aria-labelledby="t d">
<title id="t">A session with Letdown in two minutes</title>
<desc id="d">The terminal during a session on virtual devices: {told}</desc>
<style>
text {{ font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: 14px; fill: {foreground};
  white-space: pre; }}
.c text {{ font-family: system-ui, sans-serif; font-size: 17px; fill: #fff; }}
.f {{ animation: f {seconds}s steps({frames}) infinite; }}
@keyframes f {{ to {{ transform: translateY(-{far:g}px); }} }}
@media (prefers-reduced-motion: reduce) {{ .f {{ animation: none; transform: translateY(-{still:g}px); }} }}
{styles}
</style>
<defs><clipPath id="k"><rect width="{width:g}" height="{height:g}" rx="8"/></clipPath>
{rows}
</defs>
<rect width="{width:g}" height="{height:g}" rx="8" fill="{background}"/>
<g clip-path="url(#k)"><g class="f">
{drawn}
</g></g>
</svg>
"""


@dataclass(frozen=True)
class Frame:
    """One drawing of the view: the step of the session, and the rows of the terminal."""

    step: str
    rows: tuple[tuple[Segment, ...], ...]


class Rows:
    """The different rows of all frames, each once, and the styles in them."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self._classes: dict[str, str] = {}

    @property
    def styles(self) -> str:
        """The style sheet."""
        return "\n".join(f".{name} {{ {style} }}" for style, name in self._classes.items())

    def name_of(self, row: tuple[Segment, ...]) -> str | None:
        """Return the name under which a row is kept; `None` for an empty one."""
        drawn = "".join(self._texts(row))
        return self.names.setdefault(drawn, f"r{len(self.names)}") if drawn else None

    def _texts(self, row: tuple[Segment, ...]) -> list[str]:
        texts, column = [], 0
        for segment in row:
            cells = segment.cell_length
            shown = segment.text.strip()
            if shown:
                at = (column + len(segment.text) - len(segment.text.lstrip())) * _WIDTH
                long = Segment(shown).cell_length * _WIDTH
                name = self._class(segment.style or Style.null())
                texts.append(f'<text class="{name}" x="{at:.4g}" textLength="{long:.4g}">{escape(shown)}</text>')
            column += cells
        return texts

    def _class(self, style: Style) -> str:
        color = style.color.get_truecolor(THEME) if style.color is not None else THEME.foreground_color
        if style.dim:
            color = blend_rgb(color, THEME.background_color, 0.4)
        rules = f"fill: {color.hex};" + (" font-weight: bold;" if style.bold else "")
        return self._classes.setdefault(rules, f"s{len(self._classes)}")


async def recorded() -> list[Frame]:
    """Run the demo's session to its end, and return the view every few seconds of it."""
    clock, frames = ScaledClock(float("inf")), []
    console = Console(width=COLUMNS, height=LINES, force_terminal=True, color_system="truecolor")
    with contextlib.ExitStack() as held:
        held.enter_context(clock.held())
        async with virtual_app(Settings(mqtt=MqttSettings(embedded_port=0)), clock, SEED, parent=lambda: True) as app:
            task = asyncio.create_task(app.run())
            station = next(iter(app.stations.values()))
            while not all(device.link.connected for device in station.devices):  # noqa: ASYNC110 - a script
                await asyncio.sleep(0.01)
            state = ViewState(load_words("en"), "letdown demo")
            state.keys = True
            app.stream.subscribe(state.take)
            station.start("classic", Side.BOTH, no_symptoms=False)
            held.close()
            while station.snapshot.state not in (SessionState.COMPLETED, SessionState.STOPPED):
                await clock.sleep(EVERY_SECONDS)
                lines = console.render_lines(View(state.picture(), LINES), pad=False)
                frames.append(Frame(station.snapshot.step or "", tuple(tuple(line) for line in lines)))
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    return frames


def chosen(frames: list[Frame]) -> list[Frame]:
    """Return as many frames as the tour has: of each step alike, so that a short one can be read, too."""
    steps = [step for step in CAPTIONS if any(frame.step == step for frame in frames)]
    share = FRAMES // len(steps)
    found: list[Frame] = []
    for step in steps:
        of_step = [frame for frame in frames if frame.step == step]
        found += [of_step[at * len(of_step) // share] for at in range(share)]
    return found


def svg(frames: list[Frame]) -> str:
    """Return the picture."""
    rows, drawn = Rows(), []
    width, height = 2 * _MARGIN + COLUMNS * _WIDTH, 2 * _MARGIN + LINES * _HEIGHT + _CAPTION
    for number, frame in enumerate(frames):
        top = number * height
        first, second = (escape(line) for line in CAPTIONS[frame.step])
        caption = f'<rect y="{top:g}" width="{width:g}" height="{_CAPTION:g}" fill="#7a3a1a"/>'
        caption += f'<text x="{_MARGIN:g}" y="{top + 24:g}">{first}</text>'
        caption += f'<text x="{_MARGIN:g}" y="{top + 46:g}">{second}</text>'
        used = [
            f'<use xlink:href="#{name}" x="{_MARGIN:g}" y="{top + _CAPTION + _MARGIN + (at + 0.75) * _HEIGHT:g}"/>'
            for at, row in enumerate(frame.rows)
            if (name := rows.name_of(row)) is not None
        ]
        drawn.append(f'<g class="c">{caption}</g>{"".join(used)}')
    still = max(at for at, frame in enumerate(frames) if frame.step == STILL)
    return _SVG.format(
        width=width,
        height=height,
        told=escape(" ".join(" ".join(lines) for lines in CAPTIONS.values())),
        foreground=THEME.foreground_color.hex,
        background=THEME.background_color.hex,
        seconds=SECONDS,
        frames=len(frames),
        far=height * len(frames),
        still=height * still,
        styles=rows.styles,
        rows="\n".join(f'<g id="{name}">{row}</g>' for row, name in rows.names.items()),
        drawn="\n".join(drawn),
    )


if __name__ == "__main__":
    Path(__file__).with_name("tour.svg").write_text(svg(chosen(asyncio.run(recorded()))), encoding="utf-8")
