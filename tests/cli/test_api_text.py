"""`voiced api ask` and `respond`: what comes out, what does not, and what is said of every mistake."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from tests.cli.api_bench import KEY, Bench
from voiced.spending.file import SpendingFile
from voiced.testing.http import (
    End,
    Fault,
    Finish,
    HttpLoopback,
    Refuse,
    Reply,
    RunCode,
    Say,
    SearchWeb,
    unavailable,
    wrong_key,
)

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


async def test_the_answer_and_nothing_else_is_printed(bench: Bench) -> None:
    async with HttpLoopback(["It is a short poem."], valid_key=KEY) as server:
        said = await bench.before(server).types("ask", "What is", "a haiku?", "--system", "Be brief.")
        assert (said.code, said.out, said.err) == (0, "It is a short poem.\n", "")
        (asked,) = server.of("chat")
        assert asked.body["messages"] == [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "What is a haiku?"},
        ]
        assert not asked.body.get("stream")


async def test_on_a_terminal_it_comes_as_it_is_written(bench: Bench) -> None:
    async with HttpLoopback([Say("One two three.", pieces=("One ", "two ", "three."))]) as server:
        said = await bench.before(server).types("ask", "Count.", terminal=True)
        assert (said.code, said.out, said.err) == (0, "One two three.\n", "")
        assert server.of("chat")[0].body["stream"] is True


async def test_in_a_pipe_it_can_be_streamed_too_and_on_a_terminal_not(bench: Bench) -> None:
    async with HttpLoopback(["One.", "Two."]) as server:
        bench.before(server)
        assert (await bench.types("ask", "--stream", "Count.")).out == "One.\n"
        assert (await bench.types("ask", "--no-stream", "Count.", terminal=True)).out == "Two.\n"
        assert [bool(asked.body.get("stream")) for asked in server.of("chat")] == [True, False]


async def test_what_a_terminal_would_obey_is_not_sent_to_it(bench: Bench) -> None:
    async with HttpLoopback(["Look: \x1b[2J\x1b]0;title\x07!"] * 2) as server:
        bench.before(server)
        assert "\x1b" not in (await bench.types("ask", "Hi", terminal=True)).out
        assert "\x1b[2J" in (await bench.types("ask", "Hi")).out


@pytest.mark.parametrize("words", [[], ["-"]])
async def test_the_question_may_come_from_standard_input(bench: Bench, words: list[str]) -> None:
    async with HttpLoopback(["Fine."]) as server:
        await bench.before(server).types("ask", *words, stdin="\ufeffWie geht's?\n  Grüße\n".encode())
        assert server.of("chat")[0].body["messages"][-1]["content"] == "Wie geht's?\n  Grüße"


async def test_a_dash_among_the_words_stands_for_standard_input(bench: Bench) -> None:
    async with HttpLoopback(["Fine."]) as server:
        await bench.before(server).types("ask", "Sum up:", "-", stdin=b"a\nb\n")
        assert server.of("chat")[0].body["messages"][-1]["content"] == "Sum up: \na\nb\n"


async def test_for_programs_there_is_one_object(bench: Bench) -> None:
    async with HttpLoopback(["Schön."]) as server:
        said = await bench.before(server).types("ask", "--json", "--stream", "Hi", "--model", "gpt-4o")
        assert said.out.count("\n") == 1
        answer = said.json
        assert (answer["text"], answer["finish_reason"], answer["model"]) == ("Schön.", "stop", "gpt-4o")
        assert answer["provider"] == "openai"
        assert answer["usage"]["completion"] > 0
        assert "Schön" in said.out


async def test_pictures_go_along(bench: Bench) -> None:
    picture = bench.folder / "door.png"
    picture.write_bytes(PNG)
    async with HttpLoopback(["A fox."] * 2) as server:
        bench.before(server)
        said = await bench.types("ask", "--image", picture, "--detail", "low", "Who?")
        assert said.code == 0, said.err
        assert (await bench.types("ask", "--image", "-", "Who?", stdin=PNG)).code == 0
        for asked in server.of("chat"):
            _, image = sorted(asked.body["messages"][-1]["content"], key=lambda part: part["type"] == "image_url")
            assert image["image_url"]["url"] == "data:image/png;base64," + base64.b64encode(PNG).decode()


async def test_the_answer_can_have_a_schema(bench: Bench) -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    for name, content in (("bare", schema), ("named", {"name": "thing", "schema": schema})):
        (bench.folder / name).write_text(json.dumps(content))
    async with HttpLoopback(['{"a": "b"}'] * 2) as server:
        bench.before(server)
        for name in ("bare", "named"):
            said = await bench.types("ask", "--json-schema", bench.folder / name, "Hi")
            assert (said.json, said.err) == ({"a": "b"}, "")
        assert [asked.body["response_format"]["json_schema"] for asked in server.of("chat")] == [
            {"name": "answer", "strict": True, "schema": schema},
            {"name": "thing", "strict": True, "schema": schema},
        ]


async def test_an_answer_goes_to_a_file_whole_or_not_at_all(bench: Bench) -> None:
    target = bench.folder / "answer.txt"
    async with HttpLoopback(["One.", Say("Two three.", pieces=("Two ", "three."))]) as server:
        bench.before(server)
        said = await bench.types("ask", "Hi", "--output", target)
        assert (said.out, target.read_text()) == ("", "One.\n")
        server.add_fault(Fault(End(after=1), "chat"))
        said = await bench.types("ask", "--stream", "Hi", "-o", target)
        assert (said.code, said.out) == (1, "")
        assert said.err.startswith("voiced: chat: ")
        assert target.read_text() == "One.\n"
        assert list(bench.folder.glob(".voiced*")) == []


async def test_an_answer_that_is_cut_off_in_its_middle_is_a_failure(bench: Bench) -> None:
    async with HttpLoopback(
        [Say("Two three.", pieces=("Two ", "three."))], faults=[Fault(End(after=2), "chat")]
    ) as server:
        said = await bench.before(server).types("ask", "Hi", terminal=True)
        assert (said.code, said.out) == (1, "Two \n")
        assert said.err.startswith("voiced: chat: ")
        assert said.err.count("\n") == 1


async def test_what_it_cost_is_in_the_same_ledger(bench: Bench) -> None:
    async with HttpLoopback(["One."]) as server:
        await bench.before(server).types("ask", "Hi", "--model", "gpt-4.1")
        ledger, _ = SpendingFile(bench.folder / ".local" / "state" / "voiced").read()
        ((entry,),) = [list(models.values()) for models in ledger.days.values()]
        assert (entry.usage.model, entry.guessed) == ("gpt-4.1", False)
        assert entry.usage.text_out > 0


async def test_when_the_budget_is_spent_nothing_is_asked(bench: Bench) -> None:
    async with HttpLoopback(["One."] * 3) as server:
        bench.before(server, "[budget]\ndaily_usd = 0.000001\n")
        assert (await bench.types("ask", "Hi")).code == 0
        said = await bench.types("ask", "Hi")
        assert (said.code, said.out) == (1, "")
        assert said.err == (
            "voiced: chat: the budget of $0.000001 is spent: raise budget.daily_usd, or wait until tomorrow\n"
        )
        assert len(server.of("chat")) == 1


async def test_where_nothing_may_leave_the_device_nothing_does(bench: Bench) -> None:
    async with HttpLoopback(["One."]) as server:
        bench.before(server, '[brain]\norder = ["offline"]\n')
        said = await bench.types("ask", "Hi", "--provider", "openai")
        assert (said.code, said.out) == (2, "")
        assert "brain.order" in said.err
        assert "--set" in said.err
        assert (await bench.types("ask", "Hi", "--set", 'brain.order=["realtime"]')).out == "One.\n"


@pytest.mark.parametrize(
    ("arguments", "stdin", "complaint"),
    [
        (["ask"], b"", "there is no question"),
        (["ask", ""], b"", "there is no question"),
        (["ask", "-"], b" \n", "there is no question"),
        (["ask"], b"\xff\xfe", "this is no UTF-8 text"),
        (["ask", "\udcff"], b"", "this is no UTF-8 text"),
        (["ask", "Hi", "--system", "\udcff"], b"", "--system: this is no UTF-8 text"),
        (["ask", "Hi", "--image", "-"], b"", "standard input, the picture, is empty"),
        (["ask", "Hi", "--json-schema", "/nowhere"], b"", "--json-schema /nowhere: it can't be read"),
        (["ask", "Hi", "--json-schema", "{folder}/list.json"], b"", "this is no JSON object"),
        (["ask", "Hi", "--json-schema", "{folder}/torn.json"], b"", "this is no JSON (line 2)"),
        (["ask", "Hi", "--output", "{folder}/no/where"], b"", "there is no folder"),
        (["ask", "Hi", "--output", "{folder}"], b"", "this is a folder"),
        (["ask", "Hi", "--provider", "opnai"], b"", "did you mean openai?"),
        (["ask", "Hi", "--provider", "kimi", "--model", "k3"], b"", "no API key for kimi: set MOONSHOT_API_KEY"),
        (["ask", "Hi", "--provider", "azure"], b"", "azure has no address"),
        (["ask", "Hi", "--set", 'ai.order=["nobody"]'], b"", "there is no provider 'nobody'"),
        (["ask", "Hi", "--set", "ai.tineout_s=5"], b"", "did you mean ai.timeout_s?"),
    ],
)
async def test_wrong_usage_and_settings_are_exit_code_2_and_nothing_is_asked(
    bench: Bench, arguments: list[str], stdin: bytes, complaint: str
) -> None:
    (bench.folder / "list.json").write_text("[]")
    (bench.folder / "torn.json").write_text('{\n"a": }')
    async with HttpLoopback() as server:
        bench.before(server)
        said = await bench.types(*(each.replace("{folder}", str(bench.folder)) for each in arguments), stdin=stdin)
        assert (said.code, said.out, server.requests) == (2, "", ())
        assert said.err.startswith("voiced: ")
        assert complaint in said.err
        assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["ask", "Hi", "--within", "0"], "'0' is not a number of seconds above 0"),
        (["ask", "Hi", "--within", "nan"], "'nan' is not a number of seconds"),
        (["ask", "Hi", "--temperature", "9"], "'9' is not a number from 0 to 2"),
        (["ask", "Hi", "--max-tokens", "-1"], "'-1' is not a whole number of 1 or more"),
        (["ask", "Hi", "--detail", "very"], "invalid choice: 'very'"),
        (["asks", "Hi"], "invalid choice: 'asks'"),
    ],
)
def test_wrong_options_are_exit_code_2(bench: Bench, arguments: list[str], complaint: str) -> None:
    with pytest.raises(SystemExit) as ended:
        bench.typed(*arguments)
    assert ended.value.code == 2


async def test_a_server_s_refusal_is_one_line_and_exit_code_1(bench: Bench) -> None:
    async with HttpLoopback(faults=[Fault(wrong_key(), "chat"), Fault(unavailable(), "chat", nth=2)]) as server:
        bench.before(server)
        for complaint in ("the server does not accept the API key: replace it", "the server is in trouble"):
            said = await bench.types("ask", "Hi")
            assert (said.code, said.out) == (1, "")
            assert complaint in said.err
            assert said.err.count("\n") == 1
            assert KEY not in said.err


async def test_a_picture_that_is_none_is_refused_before_anything_is_sent(bench: Bench, tmp_path: Path) -> None:
    async with HttpLoopback() as server:
        said = await bench.before(server).types("ask", "Hi", "--image", tmp_path / "none.png")
        assert (said.code, said.out, server.requests) == (1, "", ())
        assert "none.png: there is no such file" in said.err


# Responses.


@pytest.mark.parametrize("command", ["ask", "respond"])
async def test_a_search_of_the_web_says_where_it_stands(bench: Bench, command: str) -> None:
    page = "https://example.org/fjords"
    found: Reply = [SearchWeb("fjords", [page]), Say(f"Deep [Fjords]({page}).")]
    async with HttpLoopback([found, found], valid_key=KEY) as server:
        bench.before(server)
        said = await bench.types(command, "How deep?", "--web-search")
        assert (said.code, said.err) == (0, "")
        text, empty, source = said.out.splitlines()
        assert text.startswith("Deep")
        assert (empty, source) == ("", f"Fjords: {page}")
        assert server.of("responses")[0].body["tools"] == [{"type": "web_search"}]
        answer = (await bench.types(command, "How deep?", "--web-search", "--json")).json
        assert [each["url"] for each in answer["citations"]] == [page]
        assert answer["searches"] == ["fjords"]


async def test_a_response_goes_on_where_the_last_one_ended(bench: Bench) -> None:
    async with HttpLoopback(["One.", "Two."], valid_key=KEY) as server:
        bench.before(server)
        first = (await bench.types("respond", "Count.", "--json", "--system", "Be brief.")).json
        said = await bench.types("respond", "On.", "--previous", first["id"], "--effort", "low", "--max-tokens", "99")
        assert (said.code, said.out, said.err) == (0, "Two.\n", "")
        asked = server.of("responses")[1].body
        assert asked["previous_response_id"] == first["id"]
        assert (asked["reasoning"], asked["max_output_tokens"]) == ({"effort": "low"}, 99)


async def test_a_response_is_streamed_onto_a_terminal_and_may_run_code(bench: Bench) -> None:
    async with HttpLoopback([[RunCode("print(6 * 7)", "42"), Say("It is 42.")]], valid_key=KEY) as server:
        said = await bench.before(server).types("respond", "6 * 7?", "--code", terminal=True)
        assert (said.code, said.out, said.err) == (0, "It is 42.\n", "")
        assert server.of("responses")[0].body["stream"] is True


async def test_a_model_that_refuses_is_a_failure(bench: Bench) -> None:
    async with HttpLoopback([Refuse("I will not.")], valid_key=KEY) as server:
        said = await bench.before(server).types("respond", "Do it.")
        assert (said.code, said.out) == (1, "")
        assert said.err == "voiced: the model refuses to answer: I will not.\n"


async def test_an_answer_that_is_too_long_is_marked(bench: Bench) -> None:
    async with HttpLoopback([[Say("One two"), Finish("length")]], valid_key=KEY) as server:
        said = await bench.before(server).types("ask", "Count.")
        assert (said.code, said.out) == (0, "One two\n")
        assert said.err == "voiced: the answer is cut off: allow more with --max-tokens\n"
