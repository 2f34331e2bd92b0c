"""Fine-tuning jobs: files that are judged, events, checkpoints, and a model at the end that can be asked."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from voiced.testing.http.catalogue import CREATED
from voiced.testing.http.emission import Emission, whole
from voiced.testing.http.files import Files
from voiced.testing.http.paging import page
from voiced.testing.http.refusal import Refusal, bad_request
from voiced.testing.http.route import Request, Route, World
from voiced.testing.http.shape import judged
from voiced.testing.loopback.checks import (
    Check,
    any_object,
    anything,
    array,
    either,
    integer,
    metadata,
    nullable,
    obj,
    one_of,
    string,
    tagged,
)
from voiced.testing.loopback.rejection import Rejection
from voiced.testing.loopback.usage import text_tokens

TRAINABLE: Final = (
    "gpt-4.1-2025-04-14", "gpt-4.1-mini-2025-04-14", "gpt-4.1-nano-2025-04-14", "gpt-4o-2024-08-06",
    "gpt-4o-mini-2024-07-18", "gpt-4o-mini", "gpt-3.5-turbo", "o4-mini-2025-04-16", "babbage-002", "davinci-002",
)  # fmt: skip
OF_OLD: Final = ("babbage-002", "davinci-002")
"""These learn from prompts and completions."""

FEWEST_EXAMPLES: Final = 10
CHECKPOINTS: Final = 3
"""Of a job, that are kept: the last."""

_BY_ITSELF: Final[Mapping[str, Any]] = {"n_epochs": 3, "batch_size": 1, "learning_rate_multiplier": 2.0}
"""What "auto" turns out to be."""

_KEYS: Final[Mapping[str, Sequence[str]]] = {
    "supervised": ("messages",),
    "dpo": ("input", "preferred_output", "non_preferred_output"),
    "reinforcement": ("messages",),
    "completions": ("prompt", "completion"),
}
"""What an example must have."""

_OPEN: Final = ("validating_files", "queued", "running", "paused")

_AUTO: Final = one_of("auto")


def _above_zero(most: float) -> Check:
    def check(value: Any, path: str) -> None:
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= most:
            message = f"Invalid '{path}': expected a number above 0."
            raise Rejection(message, "decimal_below_min_value", path)

    return check


_SUPERVISED: Final[dict[str, Check]] = {
    "n_epochs": either(_AUTO, integer(1, 50)),
    "batch_size": either(_AUTO, integer(1, 256)),
    "learning_rate_multiplier": either(_AUTO, _above_zero(math.inf)),
}
_DPO: Final[dict[str, Check]] = {**_SUPERVISED, "beta": either(_AUTO, _above_zero(2))}
_REINFORCEMENT: Final[dict[str, Check]] = {
    **_SUPERVISED,
    "reasoning_effort": one_of("default", "low", "medium", "high"),
    "compute_multiplier": either(_AUTO, _above_zero(10)),
    "eval_interval": either(_AUTO, integer(1)),
    "eval_samples": either(_AUTO, integer(1)),
}
_METHOD: Final = tagged(
    "type",
    {
        "supervised": obj({"type": anything, "supervised": obj({"hyperparameters": obj(_SUPERVISED)})}),
        "dpo": obj({"type": anything, "dpo": obj({"hyperparameters": obj(_DPO)})}),
        "reinforcement": obj(
            {
                "type": anything,
                "reinforcement": obj({"grader": any_object, "hyperparameters": obj(_REINFORCEMENT)}, "grader"),
            },
            "reinforcement",
        ),
    },
)
_SHAPES: Final[dict[str, Check]] = {
    "model": string(),
    "training_file": string(),
    "hyperparameters": obj(_SUPERVISED),
    "suffix": nullable(string(64, ".+")),
    "validation_file": nullable(string()),
    "integrations": nullable(array(any_object)),
    "seed": nullable(integer(0, 2_147_483_647)),
    "method": _METHOD,
    "metadata": nullable(metadata),
}
_CREATE: Final = obj(_SHAPES, "model", "training_file")

PARAMETERS: Final = frozenset(_SHAPES)
"""All that a request may have."""


@dataclass(slots=True)
class _Course:
    """How a job goes."""

    events: list[dict[str, Any]] = field(default_factory=list)
    checkpoints: list[dict[str, Any]] = field(default_factory=list)
    steps: int = 0
    step: int = 0
    tokens: int = 0


class FineTuning:
    """The jobs of a server, oldest first. Each goes one step on whenever somebody looks at it: while it runs, an epoch.

    `allowed`: whether this account may make jobs. `breaking`: what goes wrong while the next jobs run, empty for
    nothing.
    """

    def __init__(self) -> None:
        self.allowed = True
        self.breaking = ""
        self._jobs: dict[str, dict[str, Any]] = {}
        self._courses: dict[str, _Course] = {}

    @property
    def all(self) -> Sequence[dict[str, Any]]:
        return [dict(job) for job in self._jobs.values()]

    def create(self, asked: dict[str, Any], world: World) -> dict[str, Any]:
        """One more. Raises `Refusal`."""
        if not self.allowed:
            message = "Your organization does not have access to create fine-tuning jobs."
            raise Refusal(403, Rejection(message, "fine_tuning_not_available"))
        if asked["model"] not in TRAINABLE:
            message = f"Model {asked['model']} is not available for fine-tuning or does not exist."
            raise bad_request(message, None, "model_not_available")
        for name in ("training_file", "validation_file"):
            if asked.get(name) is not None:
                _is_for_training(asked[name], name, world)
        job_id = world.new_id("ftjob-")
        method, hyperparameters = _resolved(asked)
        job: dict[str, Any] = {
            "object": "fine_tuning.job",
            "id": job_id,
            "model": asked["model"],
            "created_at": CREATED,
            "finished_at": None,
            "fine_tuned_model": None,
            "organization_id": "org-loopback",
            "result_files": [],
            "status": "validating_files",
            "training_file": asked["training_file"],
            "validation_file": asked.get("validation_file"),
            "hyperparameters": hyperparameters,
            "trained_tokens": None,
            "error": None,
            "integrations": asked.get("integrations") or [],
            "seed": asked.get("seed") or 0,
            "estimated_finish": None,
            "method": method,
            "metadata": asked.get("metadata") or {},
            "user_provided_suffix": asked.get("suffix"),
        }
        self._jobs[job_id], self._courses[job_id] = job, _Course()
        self._happened(job, world, f"Created fine-tuning job: {job_id}")
        self._happened(job, world, f"Validating training file: {job['training_file']}")
        return _seen(job)

    def look(self, job_id: str, world: World) -> dict[str, Any]:
        """How it is, after one more step. Raises `Refusal`."""
        job = self._known(job_id)
        match job["status"]:
            case "validating_files":
                self._validate(job, world)
            case "queued":
                job["status"] = "running"
                self._happened(job, world, "Fine-tuning job started")
            case "running":
                self._train(job, world)
        return _seen(job)

    def cancel(self, job_id: str, world: World) -> dict[str, Any]:
        """Raises `Refusal`."""
        job = self._among(job_id, _OPEN, "cancelled")
        self._end(job, "cancelled", "The job was cancelled.", world)
        return _seen(job)

    def pause(self, job_id: str, world: World) -> dict[str, Any]:
        """Raises `Refusal`."""
        job = self._among(job_id, ("running",), "paused")
        job["status"] = "paused"
        self._happened(job, world, "The job was paused.")
        return _seen(job)

    def resume(self, job_id: str, world: World) -> dict[str, Any]:
        """Raises `Refusal`."""
        job = self._among(job_id, ("paused",), "resumed")
        job["status"] = "queued"
        self._happened(job, world, "The job was resumed.")
        return _seen(job)

    def events(self, job_id: str) -> Sequence[dict[str, Any]]:
        """Oldest first. Raises `Refusal`."""
        return self._courses[self._known(job_id)["id"]].events

    def checkpoints(self, job_id: str) -> Sequence[dict[str, Any]]:
        """Oldest first. Raises `Refusal`."""
        return self._courses[self._known(job_id)["id"]].checkpoints

    def _known(self, job_id: str) -> dict[str, Any]:
        if job_id not in self._jobs:
            message = f"Could not find fine tune: {job_id}"
            raise Refusal(404, Rejection(message, "fine_tune_not_found", "fine_tune_id"))
        return self._jobs[job_id]

    def _among(self, job_id: str, statuses: Sequence[str], verb: str) -> dict[str, Any]:
        job = self._known(job_id)
        if job["status"] not in statuses:
            message = f"Job {job_id} has status {job['status']} and can't be {verb}."
            raise bad_request(message, None, "invalid_job_status")
        return job

    def _validate(self, job: dict[str, Any], world: World) -> None:
        course = self._courses[job["id"]]
        for name in ("training_file", "validation_file"):
            if job[name] is None:
                continue
            data = world.of(Files).content(job[name])
            examples = [json.loads(line) for line in data.splitlines() if line.strip()]
            if wrong := _wrong(examples, job, name):
                job["error"] = {"code": f"invalid_{name}", "message": wrong, "param": name}
                self._end(job, "failed", wrong, world, level="error")
                return
            if name == "training_file":
                epochs = job["method"][job["method"]["type"]]["hyperparameters"]["n_epochs"]
                course.steps, course.tokens = epochs * len(examples), epochs * text_tokens(data.decode())
        job["status"] = "queued"
        self._happened(job, world, "Files validated, moving job to queued state")

    def _train(self, job: dict[str, Any], world: World) -> None:
        course = self._courses[job["id"]]
        if self.breaking:
            job["error"] = {"code": "server_error", "message": self.breaking, "param": None}
            self._end(job, "failed", self.breaking, world, level="error")
            return
        epochs = job["method"][job["method"]["type"]]["hyperparameters"]["n_epochs"]
        for _ in range(course.steps // epochs):
            course.step += 1
            data = {"step": course.step, "train_loss": round(2.0 / course.step, 3), "total_steps": course.steps}
            message = f"Step {course.step}/{course.steps}: training loss={data['train_loss']}"
            self._happened(job, world, message, data=data)
        name = f"ft:{job['model']}:loopback:{job['user_provided_suffix'] or ''}:{job['id'].removeprefix('ftjob-')}"
        last = course.step == course.steps
        self._keep(job, name if last else f"{name}:ckpt-step-{course.step}", world)
        if last:
            self._succeed(job, name, world)

    def _keep(self, job: dict[str, Any], name: str, world: World) -> None:
        course = self._courses[job["id"]]
        course.checkpoints.append(
            {
                "object": "fine_tuning.job.checkpoint",
                "id": world.new_id("ftckpt_"),
                "created_at": CREATED + course.step,
                "fine_tuned_model_checkpoint": name,
                "fine_tuning_job_id": job["id"],
                "metrics": {"step": course.step, "train_loss": round(2.0 / course.step, 3)},
                "step_number": course.step,
            }
        )
        world.catalogue.add(name)
        del course.checkpoints[:-CHECKPOINTS]
        if course.step != course.steps:
            self._happened(job, world, f"Checkpoint created at step {course.step}")

    def _succeed(self, job: dict[str, Any], name: str, world: World) -> None:
        results = world.of(Files).add("step_metrics.csv", b"step,train_loss\n1,2.0\n", "fine-tune-results")
        job["fine_tuned_model"], job["result_files"] = name, [results["id"]]
        job["trained_tokens"] = self._courses[job["id"]].tokens
        self._happened(job, world, f"New fine-tuned model created: {name}")
        self._end(job, "succeeded", "The job has successfully completed", world)

    def _end(self, job: dict[str, Any], status: str, message: str, world: World, *, level: str = "info") -> None:
        job["status"], job["finished_at"] = status, CREATED + len(self._courses[job["id"]].events)
        self._happened(job, world, message, level=level)

    def _happened(
        self, job: dict[str, Any], world: World, message: str, *, level: str = "info", data: Any = None
    ) -> None:
        events = self._courses[job["id"]].events
        events.append(
            {
                "object": "fine_tuning.job.event",
                "id": world.new_id("ftevent-"),
                "created_at": CREATED + len(events),
                "level": level,
                "message": message,
                "data": data or {},
                "type": "metrics" if data else "message",
            }
        )


def _seen(job: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in job.items() if key != "user_provided_suffix"}


def _is_for_training(file_id: str, param: str, world: World) -> None:
    try:
        purpose = world.of(Files).get(file_id)["purpose"]
    except Refusal:
        message = f"Invalid '{param}': there is no file '{file_id}'."
        raise bad_request(message, param, "invalid_file") from None
    if purpose != "fine-tune":
        message = f"File '{file_id}' has the purpose '{purpose}', not 'fine-tune'."
        raise bad_request(message, param, "invalid_file_purpose")


def _resolved(asked: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The method, and the hyperparameters of old, with numbers for what is left to the server."""
    kind = asked.get("method", {}).get("type", "supervised")
    of_kind = asked.get("method", {}).get(kind, {})
    given = {**asked.get("hyperparameters", {}), **of_kind.get("hyperparameters", {})}
    chosen = {**_BY_ITSELF, **{name: value for name, value in given.items() if value != "auto"}}
    return {"type": kind, kind: {**of_kind, "hyperparameters": chosen}}, chosen if kind == "supervised" else {}


def _wrong(examples: Sequence[Any], job: dict[str, Any], param: str) -> str:
    """What is wrong with a file; empty for nothing."""
    what = param.replace("_", " ")
    if param == "training_file" and len(examples) < FEWEST_EXAMPLES:
        return f"Training file has {len(examples)} example(s), but must have at least {FEWEST_EXAMPLES} examples"
    kind = "completions" if job["model"] in OF_OLD else job["method"]["type"]
    for number, example in enumerate(examples, 1):
        missing = [key for key in _KEYS[kind] if key not in example]
        if missing:
            return f"The job failed due to an invalid {what}. Line {number} has no key '{missing[0]}'."
        if "messages" in _KEYS[kind] and not (isinstance(example["messages"], list) and example["messages"]):
            return f"The job failed due to an invalid {what}. Line {number} has no messages."
        if kind == "supervised" and example["messages"][-1].get("role") != "assistant":
            return f"The job failed due to an invalid {what}. Line {number}: the last message is not the assistant's."
    return ""


def _create(request: Request, world: World) -> Emission:
    return whole(world.of(FineTuning).create(judged(_CREATE, request.body), world))


def _list(request: Request, world: World) -> Emission:
    wanted = {name: name[len("metadata[") : -1] for name in request.query if name.startswith("metadata[")}
    filters = {
        name: lambda job, value, key=key: bool(job["metadata"].get(key) == value) for name, key in wanted.items()
    }
    listed = page(request.query, world.of(FineTuning).all, filters=filters, order=False, before=False)
    return whole({"object": "list", "data": [_seen(job) for job in listed["data"]], "has_more": listed["has_more"]})


def _get(request: Request, world: World) -> Emission:
    return whole(world.of(FineTuning).look(request.ids["job_id"], world))


def _cancel(request: Request, world: World) -> Emission:
    return whole(world.of(FineTuning).cancel(request.ids["job_id"], world))


def _pause(request: Request, world: World) -> Emission:
    return whole(world.of(FineTuning).pause(request.ids["job_id"], world))


def _resume(request: Request, world: World) -> Emission:
    return whole(world.of(FineTuning).resume(request.ids["job_id"], world))


def _events(request: Request, world: World) -> Emission:
    listed = page(request.query, world.of(FineTuning).events(request.ids["job_id"]), order=False, before=False)
    return whole({name: listed[name] for name in ("object", "data", "has_more")})


def _checkpoints(request: Request, world: World) -> Emission:
    checkpoints = world.of(FineTuning).checkpoints(request.ids["job_id"])
    return whole(page(request.query, checkpoints, order=False, before=False, usual=10))


ROUTES: Final = (
    Route("POST", "fine_tuning/jobs", "fine_tuning", _create, "json"),
    Route("GET", "fine_tuning/jobs", "fine_tuning", _list),
    Route("GET", "fine_tuning/jobs/{job_id}", "fine_tuning", _get),
    Route("POST", "fine_tuning/jobs/{job_id}/cancel", "fine_tuning", _cancel, "maybe json"),
    Route("POST", "fine_tuning/jobs/{job_id}/pause", "fine_tuning", _pause, "maybe json"),
    Route("POST", "fine_tuning/jobs/{job_id}/resume", "fine_tuning", _resume, "maybe json"),
    Route("GET", "fine_tuning/jobs/{job_id}/events", "fine_tuning", _events),
    Route("GET", "fine_tuning/jobs/{job_id}/checkpoints", "fine_tuning", _checkpoints),
)
