"""What is read of a fleet's counters, from answers as nats-server 2.15 gives them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.bench.processes import rss_mb
from tests.fleet.load.usage import Usage, _of_cluster, _sum, rates


def answer(mqtt_in: int, nats_out: int, renewed: int, consumers: int) -> dict[str, object]:
    """What one node says: an MQTT client, a client of NATS, and its copies of two streams."""
    clients = [
        {"type": "mqtt", "in_msgs": mqtt_in, "in_bytes": 10 * mqtt_in, "out_msgs": 0, "out_bytes": 0},
        {"type": "nats", "in_msgs": 1, "in_bytes": 5, "out_msgs": nats_out, "out_bytes": 7 * nats_out},
    ]
    streams = [
        {"name": "KV_letdown_owners", "state": {"last_seq": renewed, "consumer_count": 0}},
        {"name": "$MQTT_msgs", "state": {"last_seq": 0, "consumer_count": consumers}},
    ]
    return {"clients": clients, "stored": {"api": {"total": 3}, "account_details": [{"stream_detail": streams}]}}


def test_clients_count_on_each_node_and_what_is_stored_in_copies_counts_once() -> None:
    found, levels = _of_cluster([answer(100, 20, 900, 5), answer(50, 30, 901, 4)])
    assert (found["mqtt_in"], found["mqtt_in_bytes"], found["nats_out"]) == (150, 1500, 50)
    assert (found["stored_in_KV_letdown_owners"], found["broker_requests"]) == (901, 6)
    assert (levels["mqtt_clients"], levels["consumers_of_$MQTT_msgs"]) == (2, 5)
    assert "mqtt_out" not in found  # nats-server counts none, whatever it sends


def test_a_rate_is_how_much_a_counter_rose_in_a_second() -> None:
    before, after = Usage(10.0, {"mqtt_in": 100.0}, {}), Usage(14.0, {"mqtt_in": 300.0, "new": 8.0}, {})
    assert rates(before, after) == {"mqtt_in": 50.0, "new": 2.0}


def test_a_process_that_has_ended_counts_nothing() -> None:
    process = subprocess.Popen((sys.executable, "-c", ""))
    process.wait()
    assert _sum(rss_mb, [process.pid]) == 0.0
    assert _sum(rss_mb, [process.pid, os.getpid()]) == pytest.approx(rss_mb(os.getpid()), rel=0.1)
