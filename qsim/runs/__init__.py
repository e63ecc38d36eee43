"""Runs, where simulation meets storage: a market is opened, taken through windows of ticks, committed, and kept in order."""
