"""Watch a market: its events as they come, its health, its metrics, reports. Functions that give plain data; they write nothing."""
