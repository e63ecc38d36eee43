"""A market on disk: files, their commit log, checksums, the writer's lock. Knows no market rules."""
