"""Answers from a market: connections with views, and the four questions. The only place that uses DuckDB."""

from qsim.queries.connection import connect, refresh
from qsim.queries.questions import ask

__all__ = ["ask", "connect", "refresh"]
