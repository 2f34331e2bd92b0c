"""The first run: from a machine that knows nothing to one that says hello."""
