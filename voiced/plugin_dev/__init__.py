"""What authors of plugins try them with: `workbench` in a conversation, `alone` one tool by itself."""

from typing import Final

PRINTED: Final = "plugin printed"
"""How the log calls it."""
