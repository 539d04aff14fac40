"""The tokens of a page, one for each role that it has: who shows one of them has that role."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from controller.web.access_token import AccessToken
from controller.web.role import Role


class RoleTokens:
    """Tokens by role. The highest role that fits counts. The page of a home has one token, which may do everything."""

    def __init__(self, tokens: Mapping[Role, AccessToken]) -> None:
        self._tokens = dict(sorted(tokens.items(), key=lambda each: -each[0].rank))

    @classmethod
    def of(cls, token: AccessToken) -> RoleTokens:
        """Return the tokens of a page with one, which may do everything."""
        return cls({Role.ADMINISTER: token})

    @property
    def most(self) -> Role:
        """The highest role that there is: a visitor who needs no token has it."""
        return next(iter(self._tokens))

    @property
    def values(self) -> Mapping[Role, AccessToken]:
        """The tokens, by role."""
        return self._tokens

    def role_of_token(self, given: str) -> Role | None:
        """Return the role of a token; `None`: it is not valid."""
        return self._first(lambda token: token.matches(given))

    def role_of_cookie(self, value: str) -> Role | None:
        """Return the role of a cookie; `None`: it is not valid, or has expired."""
        return self._first(lambda token: token.accepts_cookie(value))

    def redeem(self, code: str) -> Role | None:
        """Use up the code of a link. Return for which role it was; `None`: it is not valid."""
        return self._first(lambda token: token.redeem(code))

    def cookie(self, role: Role) -> str:
        """Return the value of a new cookie."""
        return self._tokens[role].cookie()

    def _first(self, fits: Callable[[AccessToken], bool]) -> Role | None:
        return next((role for role, token in self._tokens.items() if fits(token)), None)


def token_file_of(file: Path, role: Role) -> Path:
    """Return the file with the token of a role: beside that of `administer`, which is `file`."""
    return file if role is Role.ADMINISTER else file.with_name(f"{file.name}-{role}")
