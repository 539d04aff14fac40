"""Compare our profiles with a clone of buttplug, and renew compared.yaml and docs/buttplug.md."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from devices.profiles.catalog import Catalog
from tests.buttplug.comparison import claims_buttplug, differences, ours, same, theirs
from tests.buttplug.drivers import COMPARED
from tests.buttplug.page import page

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "docs" / "buttplug.md"
_FOLDER = "crates/buttplug_server_device_config/device-config-v4/protocols"


def _git(clone: str, *words: str) -> str:
    return subprocess.run(["git", "-C", clone, *words], check=True, capture_output=True, text=True).stdout


def compared_with(clone: str) -> dict[str, Any]:
    """Return the whole result. Raise `SystemExit` where a difference is not explained, or what is explained is none."""
    explained = yaml.safe_load((HERE / "explained.yaml").read_text(encoding="utf-8"))
    profiles, wrong = {}, []
    for profile in sorted(filter(claims_buttplug, Catalog.load()), key=lambda each: each.id):
        compared = COMPARED[profile.id]
        configuration = yaml.safe_load(_git(clone, "show", f"HEAD:{_FOLDER}/{compared.file}.yml"))
        mine, other = ours(profile, compared), theirs(configuration, profile)
        reasons = dict(explained.get(profile.id, {}))
        found = []
        for what, sides in differences(mine, other, compared):
            why = reasons.pop(what, None)
            if why is None:
                wrong.append(f"{profile.id}: {what} is not explained: {sides}")
            found.append({"what": what, "why": why, **sides})
        wrong += [f"{profile.id}: {what} is explained, and there is no such difference" for what in reasons]
        profiles[profile.id] = {
            "protocol": compared.file,
            "ours": mine,
            "same": same(mine, other),
            "differences": found,
        }
    if wrong:
        raise SystemExit("\n".join(wrong))
    commit = _git(clone, "rev-parse", "HEAD").strip()
    return {"repository": "github.com/buttplugio/buttplug", "commit": commit, "profiles": profiles}


def main() -> None:
    """Compare, and write the result."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m tests.buttplug PATH/TO/buttplug, a clone at the commit to compare with")
    result = compared_with(sys.argv[1])
    text = yaml.safe_dump(result, sort_keys=False, allow_unicode=True, width=120)
    (HERE / "compared.yaml").write_text("# Made by `python -m tests.buttplug`; do not edit.\n" + text, encoding="utf-8")
    PAGE.write_text(page(result), encoding="utf-8")


if __name__ == "__main__":
    main()
