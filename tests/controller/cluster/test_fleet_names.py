"""Which names stations, bodies and controllers of a fleet may have: those that the cluster takes as keys."""

from __future__ import annotations

import pytest
from nats.js.kv import VALID_KEY_RE

from controller.cluster.fleet_names import check_names
from devices.support.file_error import ModelError


@pytest.mark.parametrize("name", ["bed-12", "Ward_3=B", "machine-1.ward.lan", "7"])
def test_a_name_that_is_a_key_is_accepted(name: str) -> None:
    check_names({name: name}, name)
    assert VALID_KEY_RE.match(name)


@pytest.mark.parametrize("name", ["bed 12", "Küche", "*", "a>", ".bed", "bed.", "a..b", "bed\n", "٣", ""])
def test_each_other_name_is_refused_where_it_stands(name: str) -> None:
    with pytest.raises(ModelError) as refused:
        check_names({name: name, "bed-1": None}, name)
    assert [place for place, _ in refused.value.misfits] == [f"stations.{name}", f"stations.{name}.body", "mqtt.node"]
