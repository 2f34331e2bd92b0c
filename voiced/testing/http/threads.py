"""Threads: what may be asked of them, their messages and their runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from voiced.testing.http.assistant_shapes import MESSAGE_NEEDS, asked, offered
from voiced.testing.http.assistants import Assistants
from voiced.testing.http.emission import Emission, whole
from voiced.testing.http.files import Files
from voiced.testing.http.paging import page
from voiced.testing.http.refusal import Refusal, not_on_loopback
from voiced.testing.http.route import Request, Route, World
from voiced.testing.http.script import ScriptExhausted
from voiced.testing.http.thread_runs import Threads
from voiced.testing.loopback.rejection import Rejection


def _create(request: Request, world: World) -> Emission:
    body = asked(request, "CreateThreadRequest")
    _have_their_files(body.get("messages"), world)
    return whole(world.of(Threads).create(body))


def _get(request: Request, world: World) -> Emission:
    return whole(world.of(Threads).get(request.ids["thread_id"]))


def _change(request: Request, world: World) -> Emission:
    return whole(world.of(Threads).change(request.ids["thread_id"], asked(request, "ModifyThreadRequest")))


def _delete(request: Request, world: World) -> Emission:
    world.of(Threads).remove(request.ids["thread_id"])
    return whole({"id": request.ids["thread_id"], "object": "thread.deleted", "deleted": True})


def _say(request: Request, world: World) -> Emission:
    body = asked(request, "CreateMessageRequest", needed=MESSAGE_NEEDS)
    _have_their_files([body], world)
    return whole(world.of(Threads).say(request.ids["thread_id"], body))


def _messages(request: Request, world: World) -> Emission:
    filters = {"run_id": lambda message, run_id: bool(message["run_id"] == run_id)}
    return whole(page(request.query, world.of(Threads).messages(request.ids["thread_id"]), filters=filters))


def _message(request: Request, world: World) -> Emission:
    return whole(world.of(Threads).message(request.ids["thread_id"], request.ids["message_id"]))


def _change_message(request: Request, world: World) -> Emission:
    body = asked(request, "ModifyMessageRequest")
    message = world.of(Threads).message(request.ids["thread_id"], request.ids["message_id"])
    message |= {name: value or {} for name, value in body.items()}
    return whole(message)


def _delete_message(request: Request, world: World) -> Emission:
    world.of(Threads).remove_message(request.ids["thread_id"], request.ids["message_id"])
    return whole({"id": request.ids["message_id"], "object": "thread.message.deleted", "deleted": True})


def _run(request: Request, world: World) -> Emission:
    body = asked(request, "CreateRunRequest", needed=("assistant_id",))
    return _started(request.ids["thread_id"], body, world)


def _create_and_run(request: Request, world: World) -> Emission:
    body = asked(request, "CreateThreadAndRunRequest", needed=("assistant_id",))
    world.of(Assistants).get(body["assistant_id"])
    _have_their_files((body.get("thread") or {}).get("messages"), world)
    thread = world.of(Threads).create(body.get("thread") or {})
    return _started(thread["id"], body, world)


def _started(thread_id: str, body: dict[str, Any], world: World) -> Emission:
    threads = world.of(Threads)
    threads.may_run(thread_id)
    assistant = world.of(Assistants).get(body["assistant_id"])
    if body.get("model") is not None:
        world.catalogue.judge(body["model"], "chat")
    _is_not_streamed(body)
    _have_their_files(body.get("additional_messages"), world)
    for message in body.get("additional_messages") or []:
        threads.add(thread_id, message)
    run = threads.start(thread_id, assistant, body)
    _think(thread_id, run["id"], world)
    return whole(run)


def _runs(request: Request, world: World) -> Emission:
    return whole(page(request.query, world.of(Threads).runs(request.ids["thread_id"])))


def _look(request: Request, world: World) -> Emission:
    return whole(world.of(Threads).look(request.ids["thread_id"], request.ids["run_id"]))


def _change_run(request: Request, world: World) -> Emission:
    body = asked(request, "ModifyRunRequest")
    return whole(world.of(Threads).change_run(request.ids["thread_id"], request.ids["run_id"], body))


def _submit(request: Request, world: World) -> Emission:
    body = asked(request, "SubmitToolOutputsRunRequest", needed=("tool_outputs",))
    _is_not_streamed(body)
    thread_id, run_id = request.ids["thread_id"], request.ids["run_id"]
    run = world.of(Threads).submit(thread_id, run_id, body["tool_outputs"])
    _think(thread_id, run_id, world)
    return whole(run)


def _cancel(request: Request, world: World) -> Emission:
    return whole(world.of(Threads).cancel(request.ids["thread_id"], request.ids["run_id"]))


def _steps(request: Request, world: World) -> Emission:
    return whole(page(request.query, world.of(Threads).steps(request.ids["thread_id"], request.ids["run_id"])))


def _think(thread_id: str, run_id: str, world: World) -> None:
    threads = world.of(Threads)
    try:
        threads.think(thread_id, run_id, world.script.reply(threads.asked(thread_id, run_id)))
    except (ScriptExhausted, ValueError) as error:
        raise Refusal(500, Rejection(str(error), "script_exhausted", kind="loopback_error")) from error


def _have_their_files(messages: Sequence[dict[str, Any]] | None, world: World) -> None:
    """Raises `Refusal` where a message names a file that there is not."""
    for message in messages or []:
        parts = message["content"] if isinstance(message["content"], list) else []
        named = [part["image_file"]["file_id"] for part in parts if part["type"] == "image_file"]
        attached = [each["file_id"] for each in message.get("attachments") or [] if "file_id" in each]
        for file_id in (*named, *attached):
            world.of(Files).get(file_id)


def _is_not_streamed(body: dict[str, Any]) -> None:
    if body.get("stream"):
        raise not_on_loopback("streams no runs")


_THREAD: Final = "threads/{thread_id}"
_RUN: Final = f"{_THREAD}/runs/{{run_id}}"
_MESSAGE: Final = f"{_THREAD}/messages/{{message_id}}"

ROUTES: Final = offered(
    Route("POST", "threads", "threads", _create, "maybe json"),
    Route("POST", "threads/runs", "threads", _create_and_run, "json"),
    Route("GET", _THREAD, "threads", _get),
    Route("POST", _THREAD, "threads", _change, "json"),
    Route("DELETE", _THREAD, "threads", _delete),
    Route("POST", f"{_THREAD}/messages", "threads", _say, "json"),
    Route("GET", f"{_THREAD}/messages", "threads", _messages),
    Route("GET", _MESSAGE, "threads", _message),
    Route("POST", _MESSAGE, "threads", _change_message, "json"),
    Route("DELETE", _MESSAGE, "threads", _delete_message),
    Route("POST", f"{_THREAD}/runs", "threads", _run, "json"),
    Route("GET", f"{_THREAD}/runs", "threads", _runs),
    Route("GET", _RUN, "threads", _look),
    Route("POST", _RUN, "threads", _change_run, "json"),
    Route("POST", f"{_RUN}/submit_tool_outputs", "threads", _submit, "json"),
    Route("POST", f"{_RUN}/cancel", "threads", _cancel, "maybe json"),
    Route("GET", f"{_RUN}/steps", "threads", _steps),
)
