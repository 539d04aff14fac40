"""The features of the history of a station: the latest session, the last 24 hours, and today."""

from __future__ import annotations

from functools import partial

from controller.contract.features.feature import Feature, sensor

_figure = partial(sensor, source="history")

HISTORY_FEATURES: tuple[Feature, ...] = (
    _figure("last_session_at", "Last session", "last_session_at", "When the latest session ended."),
    _figure("last_volume", "Last session, milk", "last_volume_total_ml", "Its milk, as far as it is known.", "mL"),
    _figure("last_volume_left", "Last session, left", "last_volume_ml.left", "Its milk from the left breast.", "mL"),
    _figure("last_volume_right", "Last session, right", "last_volume_ml.right", "Its milk from the right one.", "mL"),
    _figure("rolling_24h", "Milk in 24 hours", "rolling_24h_ml", "Milk of the last 24 hours, as far as known.", "mL"),
    _figure("rolling_24h_sessions", "Sessions in 24 hours", "rolling_24h_sessions", "Sessions of the last 24 hours."),
    _figure("today", "Milk today", "today_ml", "Milk of the sessions that began today, as far as it is known.", "mL"),
    _figure("today_sessions", "Sessions today", "today_sessions", "Sessions that began today."),
    sensor(
        "learned_vacuum",
        "Learned vacuum",
        "expression_mmhg",
        "Where expression begins, as it was learned; unknown where nothing was.",
        "mmHg",
        source="comfort",
    ),
)
