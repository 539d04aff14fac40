"""Sends packets in a network of places, joined and cut, and prints which came: run by `test_network`, as a hub."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.fleet.network import Network, network

_SENDER = "import socket, sys; socket.socket(type=socket.SOCK_DGRAM).sendto(b'hello', (sys.argv[1], 7))"
_RECEIVER = """
import socket
door = socket.socket(type=socket.SOCK_DGRAM)
door.bind(("", 7))
print("ready", flush=True)
door.settimeout(3)
try:
    print(door.recvfrom(10)[0].decode(), flush=True)
except TimeoutError:
    print("nothing", flush=True)
"""


def passes(net: Network, from_: str, to: str) -> bool:
    """Send one packet, and return whether it came."""
    command = (*net.places[to].within, sys.executable, "-c", _RECEIVER)
    receiver = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert receiver.stdout is not None
    assert receiver.stdout.readline() == "ready\n"
    sender = (*net.places[from_].within, sys.executable, "-c", _SENDER, net.places[to].address)
    subprocess.run(sender, check=True)
    came = receiver.stdout.readline() == "hello\n"
    receiver.wait()
    return came


def both_ways(net: Network, node: str = "n1") -> tuple[bool, bool]:
    """Return whether a packet of the controller comes to a node, and one of the node to the controller."""
    return passes(net, "c1", node), passes(net, node, "c1")


def main() -> None:
    """Print what came, by what was cut before."""
    with network() as net:
        for name in ("c1", "n1", "n2"):
            net.add(name)
        found = {"joined": both_ways(net)}
        net.cut("c1", "n1")
        found["out"], found["another"] = both_ways(net), both_ways(net, "n2")
        net.cut("n1", "c1")
        found["both"] = both_ways(net)
        net.join("c1", "n1")
        found["in"] = both_ways(net)
        net.join("n1", "c1")
        found["again"] = both_ways(net)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
