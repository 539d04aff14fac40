"""The error of a fleet that is not set up right. Apart, so that who reports it needs no client of the cluster."""

from __future__ import annotations


class ClusterError(Exception):
    """The cluster cannot be used as it is set up. `str()` names the remedy."""
