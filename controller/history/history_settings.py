"""The owner's settings of the history: where it is kept. The address of a database may hold a password: never shown."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from controller.database.database import Database
from controller.database.database_errors import DatabaseError
from controller.database.postgres_database import PostgresDatabase, check_url
from devices.support.confidential import Confidential


class HistorySettings(Confidential):
    """Where past sessions are kept: by default in a file beside the store, else in PostgreSQL."""

    url: SecretStr | None = Field(None, description="postgresql://user:password@host/database; needs the extra")
    url_file: Path | None = Field(None, description="a file with that address in its first line")
    keep_days: int | None = Field(
        None, ge=30, description="erase sessions that began more days ago, every day; by default they are kept"
    )

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if self.url is not None and self.url_file is not None:
            raise ValueError("the address is in url or in url_file; name one of them")
        return self

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: SecretStr | None) -> SecretStr | None:
        return None if url is None else SecretStr(check_url(url.get_secret_value()))

    def database(self) -> Database | None:
        """Return the database that is named, unopened; `None` for the file beside the store."""
        if self.url is None and self.url_file is None:
            return None
        return PostgresDatabase(self._address)

    def _address(self) -> str:
        """Return the address. Raise `DatabaseError` where the file with it is wrong."""
        if self.url is not None:
            return self.url.get_secret_value()
        subject = f"the file {self.url_file} with the address of the history"
        try:
            text = "" if self.url_file is None else self.url_file.read_text(encoding="utf-8")
            return check_url(text.partition("\n")[0])
        except OSError as error:
            remedy = "name a file in history.url_file that this user may read"
            raise DatabaseError(subject, f"cannot be read ({error.strerror})", remedy) from error
        except ValueError as error:
            what = "is wrong (not UTF-8)" if isinstance(error, UnicodeError) else f"is wrong ({error})"
            raise DatabaseError(subject, what, "correct it") from None
