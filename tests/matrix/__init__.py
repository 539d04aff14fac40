"""The fault matrix: every moment in a session times every fault. Run with `make fault-matrix`."""

import pytest

pytest.register_assert_rewrite("tests.matrix.invariants")
