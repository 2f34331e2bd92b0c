"""Google-style docstrings."""

from __future__ import annotations

from voiced.ai.docstrings import Docstring, parse


def test_a_summary_alone() -> None:
    assert parse("Tell the time.") == Docstring("Tell the time.")


def test_no_docstring() -> None:
    assert parse(None) == parse("   \n ") == Docstring()


def test_paragraphs_arguments_and_what_is_for_people() -> None:
    docstring = """Dim a lamp,
        slowly.

        Only lamps that can
        be dimmed.

        Args:
            lamp: Where it hangs,
                such as hall.
            percent (int): How bright: 0 is off.
            *others: More lamps.

        Returns:
            lamp: not an argument.

        Raises:
            ToolError: there is no such lamp.
        """
    assert parse(docstring) == Docstring(
        "Dim a lamp, slowly.\nOnly lamps that can be dimmed.",
        {"lamp": "Where it hangs, such as hall.", "percent": "How bright: 0 is off.", "others": "More lamps."},
    )


def test_a_line_that_ends_in_a_colon_is_no_section() -> None:
    assert parse("Choose one of these:\nred or green.") == Docstring("Choose one of these: red or green.")


def test_text_under_arguments_that_is_no_argument_belongs_to_the_one_before() -> None:
    assert parse("Dim.\n\nArgs:\n    lamp: Which.\n    (see the plan)\n").arguments == {"lamp": "Which. (see the plan)"}
