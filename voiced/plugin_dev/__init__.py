"""What authors of plugins try them with: `workbench` in a conversation, `alone` one tool by itself."""
