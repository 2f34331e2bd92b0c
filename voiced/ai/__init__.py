"""The API beside Realtime, over one lazily imported official client."""
