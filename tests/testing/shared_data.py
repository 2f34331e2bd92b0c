"""The recordings and the API description that lie beside the checkout, where they do."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

SHARED = Path(os.environ.get("VOICED_SHARED") or Path(__file__).parents[3] / "shared")
DESCRIPTION = SHARED / "openapi" / "openapi.yml"
RECORDINGS = SHARED / "recordings"

needs_description = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not DESCRIPTION.exists(), reason=f"no API description at {DESCRIPTION}; set VOICED_SHARED"),
]
needs_recordings = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not RECORDINGS.exists(), reason=f"no recordings at {RECORDINGS}; set VOICED_SHARED"),
]


@functools.cache
def described_schemas() -> dict[str, Any]:
    """Name → JSON schema, as in `components.schemas`. Takes a second with the C loader; plain YAML takes twenty."""
    description = yaml.load(DESCRIPTION.read_text(), Loader=yaml.CSafeLoader)
    schemas: dict[str, Any] = description["components"]["schemas"]
    return schemas


def recorded(name: str) -> list[dict[str, Any]]:
    """The frames of a recording in order: `direction` "sent" or "received", and `data`."""
    recording = yaml.load((RECORDINGS / f"{name}.yaml").read_text(), Loader=yaml.CSafeLoader)
    interactions: list[dict[str, Any]] = recording["interactions"]
    return interactions
