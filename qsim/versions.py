"""Which qsim this is, and which libraries it runs with."""

from __future__ import annotations

from functools import cache

QSIM = "quickcommerce-sim"
# Of a checkout that runs without an installation.
UNKNOWN = "unknown"


@cache
def of(distribution: str) -> str:
    """Give the version of an installed distribution, `unknown` where it is not installed."""
    # Takes longer to load than all else that tells help.
    from importlib import metadata

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return UNKNOWN


def own() -> str:
    """Give the version of this qsim."""
    return of(QSIM)
