"""voiced: a voice assistant daemon that one can leave on."""

__version__ = "0.1.0"
