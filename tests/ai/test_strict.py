"""Whatever a helper asks for, the API's own description allows; and the description refuses what is wrong."""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from tests.testing.shared_data import DESCRIPTION
from voiced.ai.providers import Terms
from voiced.ai.service import AiService
from voiced.ai.settings import AiSettings, ProviderSettings

from .endpoints import ENDPOINTS, WRONG
from .validator import Validator, needs_validator, validating

pytestmark = needs_validator

SEND_FILES = ("assistants", "batches", "fine_tuning", "vector_stores")


@pytest.fixture(scope="module")
def validator() -> Iterator[Validator]:
    with validating() as validator:
        yield validator


@pytest.mark.parametrize("helper", ENDPOINTS)
async def test_all_that_a_helper_asks_is_described(validator: Validator, helper: str) -> None:
    strict = importlib.import_module(f"tests.ai.strict_{helper}")
    settings = AiSettings(providers={"openai": ProviderSettings(base_url=validator.base_url)}, retries=0)
    ai = AiService(Terms(lambda: settings, lambda _: "sk-test"))
    try:
        await strict.everything(ai)
    finally:
        await ai.aclose()
    judged = validator.judged()
    assert [(each.endpoint, each.complaints) for each in judged if each.complaints or each.status >= 400] == []
    asked = {each.endpoint for each in judged}
    assert ENDPOINTS[helper] - asked == set()
    its_own = ENDPOINTS[helper] | (ENDPOINTS["files"] if helper in SEND_FILES else set())
    assert asked - its_own == set()


def test_every_helper_has_a_part_and_no_part_is_forgotten() -> None:
    found = {path.stem.removeprefix("strict_") for path in Path(__file__).parent.glob("strict_*.py")}
    assert found == set(ENDPOINTS)


@pytest.mark.parametrize("endpoint", WRONG)
def test_what_is_wrong_is_refused(validator: Validator, endpoint: str) -> None:
    method, path = endpoint.split(" ")
    wrong = WRONG[endpoint]
    answer = httpx2.request(
        method,
        validator.base_url + re.sub(r"\{\w+\}", "some-1", path),
        params=wrong.query,
        json=wrong.json,
        data=wrong.form or None,
        files=wrong.files or None,
        trust_env=False,
    )
    [judged] = validator.judged()
    assert judged.endpoint == endpoint
    assert judged.complaints
    assert answer.status_code == 400


def test_wherever_something_can_be_wrong_it_is_tried() -> None:
    paths: dict[str, Any] = _description()["paths"]
    takes = {
        endpoint
        for endpoint in frozenset().union(*ENDPOINTS.values())
        for method, path in [endpoint.split(" ")]
        for described in [paths[path][method.lower()]]
        if "requestBody" in described or any(each.get("in") == "query" for each in described.get("parameters", []))
    }
    assert takes == set(WRONG)


@functools.cache
def _description() -> dict[str, Any]:
    description: dict[str, Any] = yaml.load(DESCRIPTION.read_text(), Loader=yaml.CSafeLoader)
    return description
