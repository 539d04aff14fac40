"""What virtual devices received: `written`, bytes by channel, and `commands`, the commands and sequences in them.

Tests add both to every twin, wherever it is made.
"""

from __future__ import annotations

from functools import wraps
from typing import Any

from devices.profiles.codec import DecodedMessage
from devices.virtual.device_run import CommandResult
from devices.virtual.twin import Twin


def add_records() -> None:
    """Let every twin record what it receives."""
    create, take_bytes, take_command, execute = Twin.__init__, Twin._on_write, Twin._on_command, Twin._execute

    @wraps(create)
    def record(self: Any, *args: Any, **options: Any) -> None:
        create(self, *args, **options)
        self.written, self.commands = [], []
        complete = self._decoder.completed_sequences

        def completed_sequences(message: DecodedMessage) -> list[DecodedMessage]:
            found = complete(message)
            self.commands += found
            return found

        self._decoder.completed_sequences = completed_sequences

    @wraps(take_bytes)
    async def _on_write(self: Any, channel: str, data: bytes) -> None:
        self.written.append((channel, data))
        await take_bytes(self, channel, data)

    @wraps(take_command)
    def _on_command(self: Any, message: DecodedMessage) -> None:
        count = len(self.commands)
        take_command(self, message)
        if len(self.commands) == count:  # it came late, and was not carried out
            self.commands.append(message)

    @wraps(execute)
    def _execute(self: Any, message: DecodedMessage) -> CommandResult:
        self.commands.append(message)
        return execute(self, message)

    Twin.__init__, Twin._on_write, Twin._on_command, Twin._execute = record, _on_write, _on_command, _execute
