"""Measures the room: what comes back of a chirp, how quiet it is, and which settings fit that."""
