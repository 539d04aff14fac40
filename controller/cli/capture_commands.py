"""The commands about Bluetooth captures: `capture`, and what is made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from controller.cli.examples import examples
from controller.cli.options import Json, Language
from controller.cli.process import command
from controller.cli.recording_commands import capture_contribute, capture_guide, capture_label

capture_app = typer.Typer(
    no_args_is_help=True,
    help="Look into a recording of what a vendor's app and its device exchange over Bluetooth.",
    epilog=examples("capture"),
)

CaptureFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="An Android bug report or btsnoop log, a PacketLogger, pcap or pcapng file, or a log of nRF Connect.",
    ),
]
DeviceNumber = Annotated[
    int | None, typer.Option("--device", min=1, help="Which device of the list; by default the one with most data.")
]


@capture_app.command("show", epilog=examples("capture show"))
@command()
async def capture_show(
    file: CaptureFile,
    *,
    device: DeviceNumber = None,
    addresses: Annotated[bool, typer.Option("--addresses", help="Show whole addresses.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write a page with coloured bytes into this file instead.")] = None,
    labels: Annotated[Path | None, typer.Option(help="With --html: what was done when, to be shown beside it.")] = None,
    language: Language = None,
    as_json: Json = False,
) -> None:
    """Show the devices in a capture, and the messages between one of them and its app."""
    if html is not None:
        from controller.cli.frames_file import write_frames
        from controller.cli.printing import print_line
        from controller.cli.recording_settings import words_in

        if as_json:
            raise ValueError("--html writes a page and --json prints data: use one of them")
        count = await write_frames(file, html, device, labels, words_in(language))
        print_line(f"{html}: {count} kinds of frames. It is private; `letdown capture contribute` makes what to share.")
        return
    if labels is not None or language is not None:
        raise ValueError("--labels and --language go with --html")
    from controller.cli.capture_show import show_capture

    await show_capture(file, device, whole_addresses=addresses, as_json=as_json)


@capture_app.command("draft", epilog=examples("capture draft"))
@command()
async def capture_draft(
    file: CaptureFile,
    *,
    labels: Annotated[Path, typer.Option("--labels", metavar="FILE", help="What was pressed, and when, in YAML.")],
    device: DeviceNumber = None,
    name: Annotated[str | None, typer.Option("--name", help="The name of the product.")] = None,
    profile_id: Annotated[
        str | None, typer.Option("--id", help="The id of the profile: small letters, digits and dashes.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to write it; by default to its id, with .yaml.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Draft a profile from a capture and labels of what was pressed; say what shows each line, and what is missing."""
    from controller.cli.capture_draft import draft_from_capture

    return await draft_from_capture(file, labels, device, profile_id=profile_id, name=name, out=out, as_json=as_json)


capture_app.command("guide", epilog=examples("capture guide"))(capture_guide)
capture_app.command("label", epilog=examples("capture label"))(capture_label)
capture_app.command("contribute", epilog=examples("capture contribute"))(capture_contribute)
