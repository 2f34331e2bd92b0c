"""/responses: answers that are kept, and can be gone on with, waited for, cancelled and deleted."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from voiced.testing.http.emission import EVENTS, Emission, named_event, whole
from voiced.testing.http.files import Files
from voiced.testing.http.paging import page
from voiced.testing.http.refusal import Refusal, bad_request, not_on_loopback
from voiced.testing.http.responses_answer import ResponseAnswer
from voiced.testing.http.responses_input import Item, check_kinds, check_order, items, messages
from voiced.testing.http.responses_request import INCLUDE, PARAMETERS, check
from voiced.testing.http.route import Request, Route, World
from voiced.testing.http.script import Asked, Pause, ScriptExhausted
from voiced.testing.http.stored_files import VectorStores
from voiced.testing.loopback import rejection
from voiced.testing.loopback.checks import one_of
from voiced.testing.loopback.rejection import Rejection

__all__ = ["PARAMETERS", "ROUTES", "Responses"]

_WAITING: Final = ("queued", "in_progress")


@dataclass(slots=True)
class _Kept:
    """A response. `given`: its input. `context`: all that its model read. `left`: how often it is looked at before it
    is done.
    """

    response: Item
    answer: ResponseAnswer
    given: list[Item]
    context: list[Item]
    left: int = 0
    cancelled: bool = field(default=False)


class Responses:
    """The responses that a server keeps. `polls`: how often one in the background is looked at before it is done.

    `containers`: ids of those in which code can run; answers add theirs.
    """

    def __init__(self) -> None:
        self.polls = 1
        self.containers: set[str] = set()
        self._kept: dict[str, _Kept] = {}
        self._items: dict[str, Item] = {}
        self._thoughts: dict[str, str] = {}

    @property
    def all(self) -> Sequence[Item]:
        """Those that are kept, oldest first, as they are now."""
        return [self._seen(kept) for kept in self._kept.values()]

    @property
    def thoughts(self) -> dict[str, str]:
        """Id of each item that the server has → id of the thought before it, "" where there was none."""
        return self._thoughts

    def item(self, item_id: str) -> Item:
        """Raises `Refusal`."""
        if item_id not in self._items:
            raise Refusal(404, Rejection(f"Item with id '{item_id}' not found.", None, "input"))
        return self._items[item_id]

    def before(self, response_id: str) -> list[Item]:
        """What the model reads before the input of a response that goes on with this one. Raises `Refusal`."""
        kept = self._kept.get(response_id)
        if kept is None:
            message = f"Previous response with id '{response_id}' not found."
            raise bad_request(message, "previous_response_id", "previous_response_not_found")
        if self._seen(kept)["status"] in _WAITING:
            message = f"Previous response with id '{response_id}' is not finished."
            raise bad_request(message, "previous_response_id", "previous_response_not_finished")
        return [*kept.context, *kept.response["output"]]

    def keep(self, answer: ResponseAnswer, given: list[Item], context: list[Item], *, waits: bool) -> Item:
        """One more; `waits`: it is looked at `polls` times before it is done."""
        kept = _Kept(answer.response(), answer, given, context, self.polls if waits else 0)
        self._kept[answer.id] = kept
        thought = ""
        for item in kept.response["output"]:
            thought = item["id"] if item["type"] == "reasoning" else thought
            self._thoughts[item["id"]] = "" if item["type"] == "reasoning" else thought
            self._items[item["id"]] = item
        return answer.response("queued") if waits else kept.response

    def get(self, response_id: str) -> Item:
        """As it is now. Raises `Refusal`."""
        return self._seen(self._known(response_id))

    def poll(self, response_id: str) -> Item:
        """The same for one who waits for it: it is further on the next time. Raises `Refusal`."""
        kept = self._known(response_id)
        found = self._seen(kept)
        kept.left = max(0, kept.left - 1)
        return found

    def given(self, response_id: str) -> list[Item]:
        """Its input. Raises `Refusal`."""
        return self._known(response_id).given

    def cancel(self, response_id: str) -> Item:
        """Raises `Refusal`."""
        kept = self._known(response_id)
        if not kept.response["background"]:
            raise bad_request("Cannot cancel a synchronous response.", None, None)
        kept.cancelled = kept.cancelled or kept.left > 0
        return self._seen(kept)

    def remove(self, response_id: str) -> None:
        """Raises `Refusal`."""
        self._known(response_id)
        del self._kept[response_id]

    def _known(self, response_id: str) -> _Kept:
        if response_id not in self._kept:
            raise Refusal(404, Rejection(f"Response with id '{response_id}' not found."))
        return self._kept[response_id]

    def _seen(self, kept: _Kept) -> Item:
        if kept.cancelled:
            return kept.answer.response("cancelled")
        return kept.answer.response("in_progress") if kept.left else kept.response


def _create(request: Request, world: World) -> Emission:
    body = copy.deepcopy(check(request.body, world.catalogue))
    responses = world.of(Responses)
    given = [_named(_resolved(item, responses), world) for item in items(body.get("input"))]
    previous = body.get("previous_response_id")
    context = [*(responses.before(previous) if previous is not None else []), *given]
    check_kinds(given, body["model"])
    _check_named(body, world)
    check_order(context, responses.thoughts)
    asked = Asked({**body, "messages": messages(body.get("instructions"), context)})
    try:
        answer = ResponseAnswer(world.script.reply(asked), body, context, world.new_id)
    except (ScriptExhausted, ValueError) as error:
        raise Refusal(500, Rejection(str(error), "script_exhausted", kind="loopback_error")) from error
    responses.containers |= {item["container_id"] for item in answer.items if "container_id" in item}
    keeps, waits = body.get("store") is not False, bool(body.get("background"))
    if body.get("stream"):
        return Emission(EVENTS, _streamed(answer, world, given, context, keeps=keeps))
    if keeps:
        found = responses.keep(answer, given, context, waits=waits)
    else:
        found = answer.response()
    complete = whole(found)
    pause = Pause(world.pace.chat_s + (0.0 if waits else answer.pause_s))
    return Emission(complete.content_type, (pause, *complete.pieces), streamed=False)


def _check_named(body: dict[str, Any], world: World) -> None:
    """Whether there is what the tools name. Raises `Refusal`."""
    files, stores = world.of(Files), world.of(VectorStores)
    for tool in body.get("tools") or []:
        container = tool.get("container")
        if isinstance(container, str) and container not in world.of(Responses).containers:
            raise _no_such(f"Container with id '{container}' not found.")
        named = container.get("file_ids", []) if isinstance(container, dict) else []
        try:
            for file_id in named:
                files.get(file_id)
            for store_id in tool.get("vector_store_ids", []):
                stores.seen(store_id, files)
        except Refusal as refusal:
            raise _no_such(refusal.why.message) from None


def _no_such(message: str) -> Refusal:
    return Refusal(404, Rejection(message, None, "tools"))


def _streamed(
    answer: ResponseAnswer, world: World, given: list[Item], context: list[Item], *, keeps: bool
) -> Iterator[bytes | Pause]:
    """It is kept once it is at its end: who hangs up before that stops it."""
    yield Pause(world.pace.chat_s)
    for number, step in enumerate(answer.stream()):
        if isinstance(step, Pause):
            yield step
            continue
        if number:
            yield Pause(world.pace.piece_s)
        if keeps and step["type"] in ("response.completed", "response.incomplete", "response.failed"):
            world.of(Responses).keep(answer, given, context, waits=False)
        yield named_event(step)


def _resolved(item: Item, responses: Responses) -> Item:
    return responses.item(item["id"]) if item["type"] == "item_reference" else item


def _named(item: Item, world: World) -> Item:
    """With an id, and a status where items of its kind have one, as the list of the input shows it."""
    prefixes = {"message": "msg_", "function_call": "fc_", "function_call_output": "fc_"}
    found: Item = {"id": world.new_id(prefixes[item["type"]])} if item["type"] in prefixes else {}
    found |= item
    if item["type"] != "reasoning":
        found.setdefault("status", "completed")
    if item["type"] == "message" and isinstance(item["content"], str):
        kind = "output_text" if item["role"] == "assistant" else "input_text"
        found["content"] = [{"type": kind, "text": item["content"]}]
    for part in found["content"] if item["type"] == "message" else []:
        if part["type"] == "output_text":
            part.setdefault("annotations", [])
        elif part["type"] == "input_image":
            part.setdefault("detail", "auto")
    return found


def _get(request: Request, world: World) -> Emission:
    query = _without_include(request.query, {"stream", "starting_after", "include_obfuscation"})
    if query.get("stream") == "true":
        raise not_on_loopback("streams no response a second time")
    return whole(world.of(Responses).poll(request.ids["response_id"]))


def _delete(request: Request, world: World) -> Emission:
    _without_include(request.query, set(), include=False)
    response_id = request.ids["response_id"]
    world.of(Responses).remove(response_id)
    return whole({"id": response_id, "object": "response", "deleted": True})


def _cancel(request: Request, world: World) -> Emission:
    return whole(world.of(Responses).cancel(request.ids["response_id"]))


def _input_items(request: Request, world: World) -> Emission:
    query = _without_include(request.query, {"limit", "order", "after"})
    return whole(page(query, world.of(Responses).given(request.ids["response_id"]), before=False))


def _without_include(query: Any, known: set[str], *, include: bool = True) -> dict[str, str]:
    """The query without what more is wanted, which is judged. Raises `Refusal`."""
    found = dict(query)
    try:
        for name in ("include", "include[]") if include else ():
            if name in found:
                one_of(*INCLUDE)(found.pop(name), "include")
        for name in found:
            if name not in known:
                raise rejection.unknown(name)
    except Rejection as why:
        raise Refusal(400, why) from None
    return found


ROUTES: Final = (
    Route("POST", "responses", "responses", _create, takes="json"),
    Route("GET", "responses/{response_id}", "responses", _get),
    Route("DELETE", "responses/{response_id}", "responses", _delete),
    Route("POST", "responses/{response_id}/cancel", "responses", _cancel, takes="maybe json"),
    Route("GET", "responses/{response_id}/input_items", "responses", _input_items),
)
