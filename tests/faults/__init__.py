"""Faults put to the real program: kills, refused and cut calls, full disks, power cuts. See `python -m tests.faults -h`."""
