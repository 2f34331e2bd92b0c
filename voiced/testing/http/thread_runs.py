"""What threads keep: messages, and runs that get further each time they are looked at."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from voiced.testing.http.assistant_shapes import no_such
from voiced.testing.http.catalogue import CREATED
from voiced.testing.http.refusal import bad_request
from voiced.testing.http.script import Asked, CallTool, Finish, Output, Say
from voiced.testing.loopback.usage import text_tokens

RUN_LIVES_S: Final = 600
"""Then a run that waits for outputs of tools is "expired"."""

_ACTIVE: Final = ("queued", "in_progress", "requires_action", "cancelling")

_ENDS: Final = {"failed": "failed_at", "cancelled": "cancelled_at", "completed": "completed_at"}
"""What tells when a run ended so."""

_FAILURE: Final = {
    "code": "rate_limit_exceeded",
    "message": "You exceeded your current quota, please check your plan and billing details.",
}


@dataclass
class _Run:
    """`outputs`: what the model says next. `told`: what it is told beside the messages, of its tools. `ahead`: the
    statuses to come, one for each look.
    """

    run: dict[str, Any]
    outputs: Sequence[Output] = ()
    told: list[dict[str, Any]] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    ahead: deque[str] = field(default_factory=deque)
    tokens_in: int = 0
    tokens_out: int = 0


@dataclass
class _Thread:
    thread: dict[str, Any]
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, _Run] = field(default_factory=dict)


class Threads:
    """The threads of a server.

    `polls`: how often a run is looked at before it goes on from "in_progress". `ends`: how the next runs end, in their
    order, where they end otherwise than "completed" by what the model says: "failed", "expired", "cancelled".
    """

    def __init__(self) -> None:
        self.polls = 1
        self.ends: deque[str] = deque()
        self._threads: dict[str, _Thread] = {}
        self._made = 0

    @property
    def all(self) -> Sequence[dict[str, Any]]:
        return [dict(kept.thread) for kept in self._threads.values()]

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        thread_id = self._new_id("thread_")
        thread = {
            "id": thread_id,
            "object": "thread",
            "created_at": CREATED + self._made,
            "tool_resources": body.get("tool_resources") or {},
            "metadata": body.get("metadata") or {},
        }
        self._threads[thread_id] = _Thread(thread)
        for message in body.get("messages") or []:
            self.add(thread_id, message)
        return self.get(thread_id)

    def get(self, thread_id: str) -> dict[str, Any]:
        """Raises `Refusal`."""
        return dict(self._known(thread_id).thread)

    def change(self, thread_id: str, body: dict[str, Any]) -> dict[str, Any]:
        """Raises `Refusal`."""
        self._known(thread_id).thread |= {name: value or {} for name, value in body.items()}
        return self.get(thread_id)

    def remove(self, thread_id: str) -> None:
        """Raises `Refusal`."""
        self._known(thread_id)
        del self._threads[thread_id]

    # Messages.

    def messages(self, thread_id: str) -> list[dict[str, Any]]:
        """Oldest first. Raises `Refusal`."""
        return [dict(message) for message in self._known(thread_id).messages.values()]

    def message(self, thread_id: str, message_id: str) -> dict[str, Any]:
        """Raises `Refusal`."""
        messages = self._known(thread_id).messages
        if message_id not in messages:
            raise no_such("message", message_id)
        return messages[message_id]

    def say(self, thread_id: str, body: dict[str, Any]) -> dict[str, Any]:
        """A message by the user, while no run is active. Raises `Refusal`."""
        if (active := self._active(thread_id)) is not None:
            raise bad_request(f"Can't add messages to {thread_id} while a run {active} is active.")
        return self.add(thread_id, body)

    def add(self, thread_id: str, body: dict[str, Any], run: dict[str, Any] | None = None) -> dict[str, Any]:
        """Raises `Refusal`."""
        message_id = self._new_id("msg_")
        content = body["content"]
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        message = {
            "id": message_id,
            "object": "thread.message",
            "created_at": CREATED + self._made,
            "thread_id": thread_id,
            "status": "completed",
            "incomplete_details": None,
            "completed_at": CREATED + self._made,
            "incomplete_at": None,
            "role": body["role"],
            "content": [_told(part) for part in parts],
            "assistant_id": run and run["assistant_id"],
            "run_id": run and run["id"],
            "attachments": body.get("attachments") or [],
            "metadata": body.get("metadata") or {},
        }
        self._known(thread_id).messages[message_id] = message
        return dict(message)

    def remove_message(self, thread_id: str, message_id: str) -> None:
        """Raises `Refusal`."""
        self.message(thread_id, message_id)
        del self._known(thread_id).messages[message_id]

    # Runs.

    def may_run(self, thread_id: str) -> None:
        """Raises `Refusal` while another run is active."""
        if (active := self._active(thread_id)) is not None:
            raise bad_request(f"Thread {thread_id} already has an active run {active}.")

    def start(self, thread_id: str, assistant: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        """A run that is queued; `think` comes next. Raises `Refusal`."""
        run_id = self._new_id("run_")
        more = body.get("additional_instructions") or ""
        instructions = body.get("instructions") or assistant["instructions"] or ""
        run = {
            "id": run_id,
            "object": "thread.run",
            "created_at": CREATED + self._made,
            "thread_id": thread_id,
            "assistant_id": assistant["id"],
            "status": "queued",
            "required_action": None,
            "last_error": None,
            "expires_at": CREATED + self._made + RUN_LIVES_S,
            "started_at": None,
            "cancelled_at": None,
            "failed_at": None,
            "completed_at": None,
            "incomplete_details": None,
            "model": body.get("model") or assistant["model"],
            "instructions": f"{instructions}\n{more}".strip(),
            "tools": assistant["tools"] if body.get("tools") is None else body["tools"],
            "metadata": body.get("metadata") or {},
            "usage": None,
            "temperature": body.get("temperature") or assistant["temperature"],
            "top_p": body.get("top_p") or assistant["top_p"],
            "max_prompt_tokens": body.get("max_prompt_tokens"),
            "max_completion_tokens": body.get("max_completion_tokens"),
            "truncation_strategy": body.get("truncation_strategy") or {"type": "auto", "last_messages": None},
            "tool_choice": body.get("tool_choice") or "auto",
            "parallel_tool_calls": body.get("parallel_tool_calls", True),
            "response_format": body.get("response_format") or assistant["response_format"],
        }
        self._known(thread_id).runs[run_id] = _Run(run)
        return dict(run)

    def asked(self, thread_id: str, run_id: str) -> Asked:
        """What the model of a run is asked, as chat has it. Raises `Refusal`."""
        kept = self._kept(thread_id, run_id)
        system = [{"role": "system", "content": kept.run["instructions"]}] if kept.run["instructions"] else []
        said = [{"role": each["role"], "content": _as_chat(each)} for each in self.messages(thread_id)]
        return Asked({"model": kept.run["model"], "messages": [*system, *said, *kept.told], "tools": kept.run["tools"]})

    def think(self, thread_id: str, run_id: str, outputs: Sequence[Output]) -> None:
        """This is what the model says once the run gets there."""
        kept = self._kept(thread_id, run_id)
        kept.outputs = outputs
        kept.tokens_in += sum(text_tokens(str(each["content"])) for each in self.asked(thread_id, run_id).messages)
        kept.tokens_out += sum(text_tokens(_words_of(output)) for output in outputs)
        if self.ends:
            end = self.ends.popleft()
        elif any(isinstance(output, CallTool) for output in outputs):
            end = "requires_action"
        else:
            end = "incomplete" if any(isinstance(output, Finish) for output in outputs) else "completed"
        kept.ahead = deque([*["in_progress"] * self.polls, end])

    def runs(self, thread_id: str) -> list[dict[str, Any]]:
        """Oldest first. Raises `Refusal`."""
        return [dict(kept.run) for kept in self._known(thread_id).runs.values()]

    def steps(self, thread_id: str, run_id: str) -> list[dict[str, Any]]:
        """Oldest first. Raises `Refusal`."""
        return [dict(step) for step in self._kept(thread_id, run_id).steps]

    def run(self, thread_id: str, run_id: str) -> dict[str, Any]:
        """As it is. Raises `Refusal`."""
        return dict(self._kept(thread_id, run_id).run)

    def look(self, thread_id: str, run_id: str) -> dict[str, Any]:
        """The run, which somebody waits for: a step further than before. Raises `Refusal`."""
        kept = self._kept(thread_id, run_id)
        if kept.ahead:
            self._reach(kept, kept.ahead.popleft())
        return dict(kept.run)

    def change_run(self, thread_id: str, run_id: str, body: dict[str, Any]) -> dict[str, Any]:
        """Raises `Refusal`."""
        self._kept(thread_id, run_id).run |= {name: value or {} for name, value in body.items()}
        return self.run(thread_id, run_id)

    def submit(self, thread_id: str, run_id: str, outputs: Iterable[dict[str, Any]]) -> dict[str, Any]:
        """What came of the tools; `think` comes next. Raises `Refusal`."""
        kept = self._kept(thread_id, run_id)
        if kept.run["status"] != "requires_action":
            raise bad_request(f'Runs in status "{kept.run["status"]}" do not accept tool outputs.')
        calls = kept.run["required_action"]["submit_tool_outputs"]["tool_calls"]
        wanted = [call["id"] for call in calls]
        given = {output.get("tool_call_id"): output.get("output", "") for output in outputs}
        if sorted(wanted) != sorted(map(str, given)):
            raise bad_request(f"Expected tool outputs for call_ids {wanted}, got {list(given)}", "tool_outputs")
        kept.told.append({"role": "assistant", "content": None, "tool_calls": calls})
        kept.told += [{"role": "tool", "tool_call_id": call_id, "content": given[call_id]} for call_id in wanted]
        step = kept.steps[-1]
        for call in step["step_details"]["tool_calls"]:
            call["function"]["output"] = given[call["id"]]
        step |= {"status": "completed", "completed_at": CREATED + self._made}
        kept.run |= {"status": "queued", "required_action": None}
        return dict(kept.run)

    def cancel(self, thread_id: str, run_id: str) -> dict[str, Any]:
        """Raises `Refusal`."""
        kept = self._kept(thread_id, run_id)
        if kept.run["status"] not in _ACTIVE:
            raise bad_request(f"Cannot cancel run with status '{kept.run['status']}'.")
        kept.run |= {"status": "cancelling", "required_action": None}
        kept.ahead = deque(["cancelled"])
        return dict(kept.run)

    def _reach(self, kept: _Run, status: str) -> None:
        run = kept.run
        run["status"] = status
        run["started_at"] = run["started_at"] or CREATED + self._made
        if status in ("completed", "incomplete"):
            text = "".join(output.text for output in kept.outputs if isinstance(output, Say))
            message = self.add(run["thread_id"], {"role": "assistant", "content": text}, run)
            created = {"type": "message_creation", "message_creation": {"message_id": message["id"]}}
            kept.steps.append(self._step(run, created, "completed"))
            if status == "incomplete":
                run["incomplete_details"] = {"reason": "max_completion_tokens"}
                incomplete = {"status": "incomplete", "incomplete_details": {"reason": "max_tokens"}}
                self.message(run["thread_id"], message["id"]).update(incomplete)
        elif status == "requires_action":
            calls = [self._call(output) for output in kept.outputs if isinstance(output, CallTool)]
            wanted = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": calls}}
            run["required_action"] = wanted
            seen = [{**call, "function": {**call["function"], "output": None}} for call in calls]
            kept.steps.append(self._step(run, {"type": "tool_calls", "tool_calls": seen}, "in_progress"))
        elif status == "failed":
            run["last_error"] = dict(_FAILURE)
        if status not in _ACTIVE:
            run["expires_at"] = None
            if status in _ENDS:
                run[_ENDS[status]] = CREATED + self._made
            run["usage"] = {
                "prompt_tokens": kept.tokens_in,
                "completion_tokens": kept.tokens_out,
                "total_tokens": kept.tokens_in + kept.tokens_out,
            }

    def _call(self, output: CallTool) -> dict[str, Any]:
        call_id = output.call_id or self._new_id("call_")
        return {"id": call_id, "type": "function", "function": {"name": output.name, "arguments": output.arguments}}

    def _step(self, run: dict[str, Any], details: dict[str, Any], status: str) -> dict[str, Any]:
        return {
            "id": self._new_id("step_"),
            "object": "thread.run.step",
            "created_at": CREATED + self._made,
            "assistant_id": run["assistant_id"],
            "thread_id": run["thread_id"],
            "run_id": run["id"],
            "type": details["type"],
            "status": status,
            "step_details": details,
            "last_error": None,
            "expired_at": None,
            "cancelled_at": None,
            "failed_at": None,
            "completed_at": CREATED + self._made if status == "completed" else None,
            "metadata": {},
            "usage": None,
        }

    def _active(self, thread_id: str) -> str | None:
        runs = self._known(thread_id).runs.values()
        return next((kept.run["id"] for kept in runs if kept.run["status"] in _ACTIVE), None)

    def _known(self, thread_id: str) -> _Thread:
        if thread_id not in self._threads:
            raise no_such("thread", thread_id)
        return self._threads[thread_id]

    def _kept(self, thread_id: str, run_id: str) -> _Run:
        runs = self._known(thread_id).runs
        if run_id not in runs:
            raise no_such("run", run_id)
        return runs[run_id]

    def _new_id(self, prefix: str) -> str:
        self._made += 1
        return f"{prefix}{self._made:012d}"


def _told(part: dict[str, Any]) -> dict[str, Any]:
    """A part of a message as the server tells it."""
    if part["type"] == "text":
        return {"type": "text", "text": {"value": part["text"], "annotations": []}}
    kind = part["type"]
    return {"type": kind, kind: {"detail": "auto", **part[kind]}}


def _as_chat(message: dict[str, Any]) -> str:
    return "\n".join(part["text"]["value"] for part in message["content"] if part["type"] == "text")


def _words_of(output: Output) -> str:
    if isinstance(output, Say):
        return output.text
    return output.name + output.arguments if isinstance(output, CallTool) else ""
