"""In the guest: runs the commands that the tests send over a virtio port, and answers with what they printed.

One line of JSON each way. It says hello when it starts, with the identity of this boot.
"""

import json
import subprocess
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def main() -> None:
    """Answer until the machine ends."""
    port = next(each.parent for each in Path("/sys/class/virtio-ports").glob("*/name") if each.read_text() == "agent\n")
    with Path("/dev", port.name).open("r+b", buffering=0) as channel:

        def say(**words: object) -> None:
            unsent = json.dumps(words).encode() + b"\n"
            while unsent:  # the port takes 32 KiB at a time
                unsent = unsent[channel.write(unsent) :]

        say(hello=_BOOT.read_text().strip())
        received = b""
        while piece := channel.read(65536):
            received += piece
            while b"\n" in received:
                line, _, received = received.partition(b"\n")
                asked = json.loads(line)
                done = subprocess.run(
                    ["/bin/bash", "-c", asked["command"]],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    check=False,
                )
                say(number=asked["number"], code=done.returncode, said=done.stdout.decode(errors="replace"))


main()
