"""docs/truth.md, made of the profiles, their examples and what the independent clients confirmed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from devices.catalog import Catalog
from devices.profiles.schema import Profile
from tests.truth.evidence import Client, Evidence, clients_of, evidence_of

_NONE = "\u2013"
_INTRODUCTION = """\
# What confirms the profiles

Made by `make docs` from `config/profiles` and `tests/clients/confirmed.yaml`; do not edit.

**None of it was tried on hardware.** Every test runs against virtual devices, and a virtual device is made from the
same file as the driver that talks to it: where the file is wrong, both are wrong in the same way, and agree. So what
confirms a profile must come from outside of it. There is, from strong to weak:

- **An independent client**: a program that others wrote was run unmodified against the virtual device. The device did
  what the client told it, or the client read what the device knew. This confirms UUIDs, handshake and bytes, as far as
  that program is right about the product. For Tuya it confirms how a datapoint travels, and its type; which number a
  product gives it is said by the profile's source alone.
- **Published bytes**: these very bytes stand in a publication or a recording, and the profile makes or reads the same.
- **Bytes by hand**: somebody worked them out from the published description, without our encoder and decoder. This
  finds a slip in the profile or the code. It does not find an error in the description, nor a wrong reading of it.
- **Nothing.**

*Confirmed* means by a client or by published bytes. For the open profile and the text protocols there is neither: they
are specified here, and nobody else is known to have built them.

Examples show bytes: not UUIDs, whether a write wants a response, pauses, ranges, timers, or what a device really does.
A test changes each layout in many ways (fields in each other's place, another scale, code, constant, byte order or
channel), and sees that an example fails each time. How examples are written: [profiles.md](profiles.md#examples).
"""


def truth_page(profiles: Iterable[Profile], clients: Mapping[str, Sequence[Client]]) -> str:
    """Return the whole page; `clients` has those of each profile by its id."""
    found = [
        (profile, evidence_of(profile, clients.get(profile.id, ())))
        for profile in sorted(profiles, key=lambda each: (each.roles, each.id))
    ]
    lines = [_INTRODUCTION, "## At a glance", "", *_summary(found), ""]
    for profile, evidence in found:
        lines += _section(profile, evidence)
    return "\n".join(lines).rstrip("\n") + "\n"


def current_page() -> str:
    """Return the page as it is to be now: of the shipped profiles, and of what the clients confirmed."""
    catalog = Catalog.load()
    return truth_page(catalog, {id_: clients_of(id_) for id_ in catalog.ids})


def _summary(found: Iterable[tuple[Profile, Sequence[Evidence]]]) -> Iterator[str]:
    yield "| profile | commands confirmed | reports confirmed | by hand alone | nothing |"
    yield "|---|---|---|---|---|"
    for profile, evidence in found:
        cells = [_share(evidence, "command"), _share(evidence, "report")]
        cells.append(_count(not each.confirmed and each.by_hand > 0 for each in evidence))
        cells.append(_count(not each.confirmed and not each.by_hand for each in evidence))
        yield f"| [`{profile.id}`](#{profile.id}) | {' | '.join(cells)} |"


def _share(evidence: Iterable[Evidence], kind: str) -> str:
    some = [each for each in evidence if each.kind == kind]
    return f"{sum(each.confirmed for each in some)} of {len(some)}" if some else _NONE


def _count(answers: Iterable[bool]) -> str:
    return str(sum(answers) or _NONE)


def _section(profile: Profile, evidence: Iterable[Evidence]) -> Iterator[str]:
    source = " ".join(profile.provenance.split()).rstrip(".")
    yield from (f"## {profile.id}", "", f"{profile.name}. Source: {source}.", "")
    yield from ("| | confirmed by |", "|---|---|")
    # A client that knows all of Tuya knows no product: it takes any datapoint under any number.
    seen = " (value and type, not the number)" if profile.tuya is not None else ""
    yield from (f"| {each.kind} `{each.name}` | {_words(each, seen)} |" for each in evidence)
    yield ""


def _words(evidence: Evidence, seen: str) -> str:
    said = [f"[{each.client}](../{each.test}){seen}" for each in evidence.clients]
    said += [f"published bytes: {each}" for each in evidence.published]
    if evidence.by_hand:
        said.append(f"{evidence.by_hand} {'example' if evidence.by_hand == 1 else 'examples'} by hand")
    return "; ".join(said) or "**nothing**"
