"""A profile: one device model of the declarative driver, checked as a whole when it is read.

The language, with an example of each key: docs/profiles.md. Its parts: `profile_parts`, `frame_spec` and
`driver.field_spec`; how they must fit together: `crosscheck`.
"""

from __future__ import annotations

from collections.abc import Mapping

from devices.driver.vocabulary import filled, full_uuid, is_family
from devices.profiles.crosscheck import problems_in
from devices.profiles.unchecked_profile import UncheckedProfile
from devices.support.file_error import Misfits


class Profile(UncheckedProfile):
    """One device model, described by channels, commands and reports."""

    def problems(self) -> Misfits:
        """Yield what does not fit together."""
        yield from super().problems()
        yield from problems_in(self)

    def with_member(self, service: str | None) -> Profile:
        """Return the profile with one service of its family; as it is, where it has none."""
        if service is None:
            return self
        channels = {
            name: each.at(service, filled(each.characteristic or "", service)) if is_family(each.service) else each
            for name, each in self.channels.items()
        }
        services = tuple(service if is_family(each) else each for each in self.match.services)
        match = self.match.model_copy(update={"services": services})
        return self.model_copy(update={"channels": channels, "match": match, "member": None})

    def with_uuids(self, uuids: Mapping[str, tuple[str, str]]) -> Profile:
        """Return the profile with the owner's (service, characteristic) for each channel that asks for them."""
        channels = {
            name: channel.at(*map(full_uuid, uuids[name])) if name in self.template else channel
            for name, channel in self.channels.items()
        }
        return self.model_copy(update={"channels": channels})
