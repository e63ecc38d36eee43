"""The benchmark: what qsim does in a second, and the raw limit of the same machine in the same run."""
