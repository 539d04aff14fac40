"""Curves of a session: one value a second, whatever the pace of the reports, and none where none came."""

from __future__ import annotations

import math

from controller.history.curve_recorder import STRETCH_SECONDS, CurveRecorder
from controller.history.curve_samples import join_stretches
from devices.roles import Side


def curve(recorder: CurveRecorder, quantity: str = "vacuum_mmhg") -> list[float | None]:
    found = [each for each in recorder.whole() if each.quantity == quantity]
    return list(join_stretches(found[0].quantity, [(each.began_second, each.samples) for each in found]))


def suction(seconds: float, cpm: float) -> float:
    """Return a vacuum that is held at 150 mmHg for 40 % of each cycle, and else at 20."""
    return 150.0 if 0.25 < seconds * cpm / 60 % 1 < 0.65 else 20.0


def test_the_vacuum_of_a_second_is_its_highest_so_that_the_curve_follows_the_peaks() -> None:
    for cpm in (54, 78, 100):
        recorder = CurveRecorder()
        for number in range(300):
            recorder.add("left", Side.LEFT, number / 10, {"vacuum_mmhg": suction(number / 10, cpm)})
        assert set(curve(recorder)) == {150.0}, cpm


def test_a_peak_that_the_pump_reports_itself_counts() -> None:
    recorder = CurveRecorder()
    recorder.add("left", Side.LEFT, 0.1, {"vacuum_mmhg": 20.0, "peak_vacuum_mmhg": 148.0})
    recorder.add("left", Side.LEFT, 1.1, {"peak_vacuum_mmhg": 140.0})
    recorder.add("left", Side.LEFT, 2.1, {"vacuum_mmhg": 30.0})
    assert curve(recorder) == [148, 140, 30]


def test_the_flow_is_the_mean_and_the_temperature_the_last() -> None:
    recorder = CurveRecorder()
    for seconds, flow, celsius in ((0.2, 0.1, 30), (0.5, 0.2, 31), (0.9, 0.6, 32), (1.0, 0.5, 33)):
        recorder.add("all", Side.BOTH, seconds, {"flow_ml_per_s": flow, "surface_celsius": celsius})
    assert curve(recorder, "flow_ml_per_s") == [0.3, 0.5]
    assert curve(recorder, "surface_celsius") == [32, 33]


def test_seconds_without_a_report_have_no_value() -> None:
    recorder = CurveRecorder()
    for seconds in (2.0, 3.0, 6.9):
        recorder.add("left", Side.LEFT, seconds, {"vacuum_mmhg": seconds})
    assert curve(recorder) == [None, None, 2.0, 3.0, None, None, 6.9]
    assert [each.began_second for each in recorder.whole()] == [2], "nothing is stored for the time before"


def test_a_long_curve_is_stored_in_stretches_without_loss() -> None:
    recorder = CurveRecorder()
    for second in range(100, 2000):
        recorder.add("left", Side.LEFT, second, {"vacuum_mmhg": second / 10})
    assert curve(recorder) == [*[None] * 100, *(second / 10 for second in range(100, 2000))]
    assert [len(each.samples) for each in recorder.whole()] == [1200, 1200, 1200, 200]


def test_other_values_and_what_is_no_number_are_left_out() -> None:
    recorder = CurveRecorder()
    recorder.add("left", Side.LEFT, 1.0, {"volume_ml": 5.0, "intensity": 0.5, "vacuum_mmhg": math.nan})
    recorder.add("left", Side.LEFT, -1.0, {"vacuum_mmhg": 5.0})
    recorder.add("left", Side.LEFT, 1e6, {"vacuum_mmhg": 5.0})
    assert list(recorder.whole()) == []


def test_only_stretches_that_changed_are_written_and_together_they_are_the_curve() -> None:
    recorder, written = CurveRecorder(), {}
    sizes = []
    for second in range(3 * STRETCH_SECONDS + 5):
        recorder.add("left", Side.LEFT, second, {"vacuum_mmhg": second})
        recorder.add("right", Side.RIGHT, second, {"vacuum_mmhg": 2 * second})
        changed = list(recorder.changed())
        sizes.append(len(changed))
        written |= {(each.device, each.began_second): each.samples for each in changed}
    assert set(sizes) == {2}
    assert list(recorder.changed()) == []
    for device, factor in (("left", 1), ("right", 2)):
        stretches = [(began, samples) for (name, began), samples in written.items() if name == device]
        assert len(stretches) == 4
        assert join_stretches("vacuum_mmhg", stretches) == tuple(factor * second for second in range(185))
