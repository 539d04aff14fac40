"""Examples of each command, shown at the end of its `--help`. A test parses every one of them."""

from __future__ import annotations

_EXAMPLES: dict[str, tuple[str, ...]] = {
    "letdown": ("letdown demo", "letdown setup", "letdown run"),
    "demo": ("letdown demo --speed 600 --language de", "letdown demo --routine gentle --side left --json"),
    "setup": (
        "letdown setup",
        "letdown setup --virtual --language de",
        'letdown setup --yes --device "left-pump=My Pump" --profile open-pump --side left',
    ),
    "watch": ("letdown watch", "letdown watch --broker mqtt://192.168.1.10:1883 --station home"),
    "run": (
        "letdown run",
        "letdown run --virtual --speed 30 --broker mqtt://127.0.0.1:1883",
    ),
    "fleet": ("letdown fleet status", "letdown fleet drain node-3", "letdown fleet config apply stations.yaml"),
    "fleet status": ("letdown fleet status", "letdown fleet status --json"),
    "fleet page": ("letdown fleet page", "letdown fleet page --config page.yaml --role operate"),
    "fleet drain": ("letdown fleet drain node-3", "letdown fleet drain node-3 --wait"),
    "fleet undrain": ("letdown fleet undrain node-3",),
    "fleet assign": ("letdown fleet assign bed-12 node-3", "letdown fleet assign bed-12"),
    "fleet config": ("letdown fleet config diff stations.yaml", "letdown fleet config apply stations.yaml"),
    "fleet config show": ("letdown fleet config show", "letdown fleet config show --json"),
    "fleet config diff": ("letdown fleet config diff stations.yaml",),
    "fleet config apply": ("letdown fleet config apply stations.yaml --yes",),
    "fleet config rollback": ("letdown fleet config rollback", "letdown fleet config rollback 1796076523903"),
    "scan": ("letdown scan --seconds 20", "letdown scan --addresses --json"),
    "doctor": ("letdown doctor --config letdown.yaml", "letdown doctor --json"),
    "devices": ("letdown devices --config letdown.yaml", "letdown devices test left-pump --config letdown.yaml"),
    "devices test": (
        "letdown devices test left-pump --config letdown.yaml",
        "letdown devices test left-pump --virtual --yes",
        "letdown devices test left-pump --repeated-stop --link-loss --own-timer 35",
    ),
    "capture draft": (
        "letdown capture draft bugreport.zip --labels labels.yaml",
        "letdown capture draft app.pklg --labels labels.yaml --device 2 --out my-profiles/moon-pump.yaml",
        "letdown capture draft btsnoop_hci.log --labels labels.yaml --json",
    ),
    "capture": (
        "letdown capture guide",
        "letdown capture show bugreport.zip",
        "letdown capture draft bugreport.zip --labels labels.yaml",
    ),
    "capture guide": ("letdown capture guide", "letdown capture guide --role pump --out moon.yaml"),
    "capture label": (
        "letdown capture label labels.yaml --at 14:03:20 --do adjust --level 3",
        "letdown capture label labels.yaml --at 14:02:05 --do start --phase stimulation --level 1 --role pump",
    ),
    "capture contribute": (
        "letdown capture contribute bugreport.zip --labels labels.yaml --profile my-profiles/moon-pump.yaml",
    ),
    "capture show": (
        "letdown capture show bugreport.zip",
        "letdown capture show btsnoop_hci.log --device 2",
        "letdown capture show app.pklg --json",
        "letdown capture show bugreport.zip --html frames.html --labels labels.yaml",
    ),
    "profiles": ("letdown profiles", "letdown profiles check my-pump.yaml"),
    "profiles check": ("letdown profiles check my-pump.yaml", "letdown profiles check my-pump.yaml --json"),
    "routines": ("letdown routines --language de", "letdown routines --config letdown.yaml --json"),
    "history": (
        "letdown history",
        "letdown history --since 7d --station home --json",
        "letdown history export --format html --since 14d -o report.html",
    ),
    "history show": ("letdown history show latest", "letdown history show 4f2a1c --json"),
    "history edit": (
        'letdown history edit latest --left 60 --right 55 --note "a quiet one"',
        "letdown history edit 4f2a1c --left none",
    ),
    "history export": (
        "letdown history export --since 2026-03-01 --until 2026-03-31 -o march.csv",
        "letdown history export -o everything.json",
        "letdown history export --format html --since 14d --notes -o report.html",
        "letdown history export --format fhir --patient Patient/123 -o bundle.json",
    ),
    "history import": ("letdown history import everything.json", "letdown history import everything.json --replace"),
    "history move": ("letdown history move", "letdown history move --keep-file"),
    "history erase": (
        "letdown history erase 4f2a1c",
        "letdown history erase --until 2026-01-31",
        "letdown history erase --all",
    ),
    "history uploads": ("letdown history uploads", "letdown history uploads --json"),
    "history uploads retry": ("letdown history uploads retry",),
    "history uploads skip": ("letdown history uploads skip 20260101T120000-5f0c1a",),
    "comfort": ("letdown comfort", "letdown comfort --station home --json"),
    "comfort accept": ("letdown comfort accept",),
    "comfort reset": ("letdown comfort reset --station home",),
    "comfort on": ("letdown comfort on",),
    "comfort off": ("letdown comfort off",),
    "stash": ("letdown stash", "letdown stash --json"),
    "stash add": (
        "letdown stash add 'bag 12' 120 freezer",
        "letdown stash add blue 90 fridge --expressed 2026-03-01T06:30",
    ),
    "stash move": ("letdown stash move blue freezer",),
    "stash thaw": ("letdown stash thaw 'bag 12'",),
    "stash use": ("letdown stash use blue", "letdown stash use blue 60"),
    "stash discard": ("letdown stash discard blue",),
    "schema": ("letdown schema asyncapi",),
    "schema messages": ("letdown schema messages > letdown.json",),
    "schema profile": ("letdown schema profile > profile.json",),
    "schema routine": ("letdown schema routine > routine.json",),
    "schema settings": ("letdown schema settings > settings.json",),
    "schema openapi": ("letdown schema openapi > letdown-openapi.json",),
    "web": ("letdown web link",),
    "web link": ("letdown web link", "letdown web link --config page.yaml --role operate"),
    "schema asyncapi": ("letdown schema asyncapi > letdown-asyncapi.json",),
    "virtual": (
        "letdown virtual",
        "letdown virtual --profile lovense --profile tuya-warmer",
        "letdown virtual --transport usb:0 --device left-pump",
    ),
}


def examples(command: str) -> str:
    """Return the text with the examples of a command, such as `devices test`; `letdown` itself is one, too."""
    found = _EXAMPLES[command]
    return "\n".join(["Example:" if len(found) == 1 else "Examples:", *(f"  {each}" for each in found)])
