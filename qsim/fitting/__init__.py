"""Parameters from a user's own prices: a panel or a catalog to a preset, and how near a market under it comes."""

from __future__ import annotations

from qsim.fitting.fitted import fit

__all__ = ["fit"]
