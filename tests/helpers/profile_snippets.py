"""Small profiles for tests: a snippet of YAML about one feature, and around it what every profile needs."""

from __future__ import annotations

import textwrap

from devices.profiles.codec import Codec
from devices.profiles.schema import Profile
from tests.helpers.yaml_texts import parse_yaml

HEADER = """\
id: made-up
name: Made up
roles: [{role}]
confidence: verified
provenance: made up for a test
match: {{name: "Made*"}}
"""
CHANNELS = """\
channels:
  tx: {service: "ffb0", characteristic: "ffb1", write: both}
  rx: {service: "ffb0", characteristic: "ffb2", notify: true}
"""


def profile(snippet: str, role: str = "pump") -> Profile:
    """Return the profile that a snippet describes; without channels of its own it has `tx` and `rx`."""
    snippet = textwrap.dedent(snippet)
    channels = "" if "channels:" in snippet else CHANNELS
    return parse_yaml(HEADER.format(role=role) + channels + snippet, Profile)


def codec(snippet: str, role: str = "pump") -> Codec:
    """Return the codec of such a profile."""
    return Codec(profile(snippet, role))
