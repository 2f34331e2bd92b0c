"""`voiced api embed` and `moderate`: line by line, through pipes."""

from __future__ import annotations

import pytest

from tests.cli.api_bench import Bench
from voiced.testing.http import Fault, HttpLoopback, server_error


async def test_each_line_becomes_a_vector(bench: Bench, server: HttpLoopback) -> None:
    said = await bench.types("embed", stdin="Straße\n\n  a house \nend".encode())
    assert (said.code, said.err) == (0, "")
    assert [len(vector) for vector in said.jsons] == [1536] * 3
    assert [asked.body["input"] for asked in server.of("embeddings")] == [["Straße", "a house", "end"]]


async def test_texts_may_be_given_too_and_programs_get_them_back(bench: Bench, server: HttpLoopback) -> None:
    said = await bench.types("embed", "a cat", "a dog", "--json", "--dimensions", "8")
    assert [(each["text"], len(each["embedding"])) for each in said.jsons] == [("a cat", 8), ("a dog", 8)]


async def test_texts_are_judged_each_by_itself(bench: Bench, server: HttpLoopback) -> None:
    said = await bench.types("moderate", "--lines", "a lovely day", "I will kill you")
    assert (said.code, said.err) == (0, "")
    assert [line.split("\t")[-1] for line in said.out.splitlines()] == ["a lovely day", "I will kill you"]
    said = await bench.types("moderate", "--lines", stdin=b"a lovely day\n\nhow nice\n")
    assert said.out == "not harmful\ta lovely day\nnot harmful\thow nice\n"


async def test_no_lines_are_no_vectors(bench: Bench, server: HttpLoopback) -> None:
    said = await bench.types("embed", "-", stdin=b"\n\n")
    assert (said.code, said.data, said.err, server.requests) == (0, b"", "", ())


async def test_many_lines_are_several_requests_and_what_came_stays(bench: Bench, server: HttpLoopback) -> None:
    server.add_fault(Fault(server_error(), "embeddings", nth=2, every=True))
    said = await bench.types("embed", stdin=b"line\n" * 100)
    assert (said.code, len(said.jsons)) == (1, 64)
    assert said.err.count("\n") == 1
    target = bench.folder / "vectors"
    said = await bench.types("embed", "-o", target, stdin=b"line\n" * 100)
    assert (said.code, said.data, target.exists()) == (1, b"", False)


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "complaint"),
    [
        (["embed", ""], b"", 1, "empty"),
        (["embed"], b"fine\n\xff\n", 2, "standard input: line 2: this is no UTF-8 text"),
        (["embed", "Hi", "--model", "nothing-9"], b"", 1, "nothing-9"),
        (["moderate", "--lines", "--image", "cat.png"], b"Hi\n", 2, "leave it or --image out"),
    ],
)
async def test_mistakes_are_one_line(
    bench: Bench, server: HttpLoopback, arguments: list[str], stdin: bytes, code: int, complaint: str
) -> None:
    said = await bench.types(*arguments, stdin=stdin)
    assert (said.code, said.out) == (code, "")
    assert complaint in said.err
    assert said.err.count("\n") == 1
