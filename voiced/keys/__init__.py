"""A key to talk: a hotkey of the desktop, a key of any keyboard, or a button on a Raspberry Pi."""
