"""What becomes of all leases when the cluster loses the node that leads their store; a simulation, event by event.

While there is no leader, a request is refused at once, or, where it goes to a node that hangs, not answered. Then all
owners ask at once, and one store answers so many requests in a second, in the order in which they come. Who has no
answer in time asks again, while the store still works on the first.
"""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass

HELD_SHARE = 2 / 3  # as in `controller.cluster.lease`, and held against it by a test
RENEWALS = 5
RETRY_SECONDS = 0.5
MOST_ANSWER_SECONDS = 2.0
ANSWERS = 6
ELECTION_SECONDS = (4.0, 9.0)
_SAMPLE = 400
_ADOPTION_REQUESTS = 3  # a renewal that is refused, a look at what there is, and another renewal


@dataclass(frozen=True)
class Outcome:
    """What became of the leases. `calm_seconds`: when the last of those that were not lost was renewed."""

    lost: int
    leases: int
    calm_seconds: float
    requests: int

    @property
    def lost_share(self) -> float:
        """Which part was lost: their sessions end."""
        return self.lost / self.leases


def simulate(
    leases: int,
    outage_seconds: float,
    ttl_seconds: float,
    requests_a_second: float,
    *,
    hangs: bool = False,
    seed: int = 1,
) -> Outcome:
    """Lose the leader at 0, and return when each lease was renewed again or lost.

    `hangs`: requests meanwhile are not refused, but go to a node that does not answer.
    """
    chosen = random.Random(seed)
    period = ttl_seconds / RENEWALS
    renewed_at = [-chosen.uniform(0.0, period) for _ in range(leases)]
    unknown = [False] * leases  # whether an answer to a renewal was not waited for
    asking = [(at + period, number) for number, at in enumerate(renewed_at)]
    heapq.heapify(asking)
    free_at, lost, calm, requests = outage_seconds, 0, 0.0, 0
    while asking:
        at, number = heapq.heappop(asking)
        ends_at = renewed_at[number] + HELD_SHARE * ttl_seconds
        if at >= ends_at:
            lost += 1
            continue
        patience = min(MOST_ANSWER_SECONDS, ttl_seconds / ANSWERS, ends_at - at)
        if at < outage_seconds:
            heapq.heappush(asking, (at + (patience if hangs else 0.0) + RETRY_SECONDS, number))
            continue
        wanted = _ADOPTION_REQUESTS if unknown[number] else 1
        requests += wanted
        unknown[number] = True
        free_at = max(free_at, at) + wanted / requests_a_second
        if free_at - at <= patience:
            calm = max(calm, free_at)
        else:
            heapq.heappush(asking, (at + patience + RETRY_SECONDS, number))
    return Outcome(lost, leases, calm, requests)


def expected_lost_share(
    leases: int, ttl_seconds: float, requests_a_second: float, *, hangs: bool = False, elections: int = 200
) -> float:
    """Return which part of the leases is lost on average, over many elections of a leader.

    The two nodes that are left wait for 4 to 9 s each, by chance, and the first one is elected (nats-server 2.14).
    """
    chosen, sample = random.Random(3), min(leases, _SAMPLE)
    rate = requests_a_second * sample / leases  # the queue is as long for fewer leases at a lower rate
    outages = [min(chosen.uniform(*ELECTION_SECONDS), chosen.uniform(*ELECTION_SECONDS)) for _ in range(elections)]
    found = [
        simulate(sample, outage, ttl_seconds, rate, hangs=hangs, seed=seed).lost_share
        for seed, outage in enumerate(outages)
    ]
    return sum(found) / len(found)


def reconnected_after_seconds(stations: int, nodes: int, cores: int, connect_microseconds: float) -> float:
    """Return how long the nodes that are left are busy with the MQTT clients of the one that is lost.

    Until then, those stations receive no command over MQTT.
    """
    return stations / nodes * connect_microseconds * 1e-6 / ((nodes - 1) * cores)
