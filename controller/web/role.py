"""What a visitor of the page may do, and the least role of each route."""

from __future__ import annotations

from enum import StrEnum

_SAFE_METHODS = frozenset({"GET", "HEAD"})


class Role(StrEnum):
    """Roles, each of which may do what the ones before it may.

    `view`: see everything. `operate`: also stop, and send commands. `administer`: also what concerns the controllers.
    """

    VIEW = "view"
    OPERATE = "operate"
    ADMINISTER = "administer"

    @property
    def rank(self) -> int:
        """The higher, the more it may do."""
        return list(Role).index(self)

    def covers(self, needed: Role) -> bool:
        """Return whether it may do what `needed` may."""
        return self.rank >= needed.rank

    @property
    def and_lower(self) -> tuple[Role, ...]:
        """This role and those that may do less."""
        return tuple(each for each in Role if self.covers(each))


# By the beginning of a path, what sending something there needs. Reading needs `view`, everything else `administer`.
_SENDING = {"/api/v1/stations/": Role.OPERATE, "/preferences": Role.VIEW, "/sign-in": Role.VIEW}


def least_role(method: str, path: str) -> Role:
    """Return the least role that may send such a request."""
    if method in _SAFE_METHODS:
        return Role.VIEW
    return next((role for start, role in _SENDING.items() if path.startswith(start)), Role.ADMINISTER)
