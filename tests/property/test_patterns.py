"""Patterns: they say what ``re`` says, in linear time, and everything else is refused."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import foreign, thorough

from imagegate.patterns import MAX_DEPTH, MAX_LENGTH, Pattern

ALPHABET = "ab1-. é"
texts = st.text(ALPHABET, max_size=8)
atoms = st.sampled_from(
    ("a", "b", "1", "-", "é", r"\.", r"\-", ".", r"\d", r"\w", r"\s", r"\D", r"\W", r"\S",
     "[ab]", "[^ab]", "[a-b1-3]", r"[\d.]", r"[^\w-]", "[]a]", "[-a]", "[a-]")
)  # fmt: skip
signs = st.sampled_from(("", "", "*", "+", "?", "{2}", "{0,2}", "{1,}", "{0}"))


def grown(parts):
    """Larger patterns of smaller ones."""
    each = st.lists(st.tuples(parts, signs).map(lambda two: f"(?:{two[0]}){two[1]}"), min_size=1, max_size=3)
    return each.map("".join) | st.tuples(parts, parts).map(lambda two: f"({two[0]}|{two[1]})")


patterns = st.recursive(st.tuples(atoms, signs).map("".join), grown, max_leaves=8)


@thorough
@given(text=patterns, name=texts)
def test_a_pattern_says_what_re_says(text, name):
    assert Pattern(text).fullmatch(name) is bool(re.fullmatch(text, name, re.ASCII | re.DOTALL))


@thorough
@given(text=st.text("ab(|)[]^-*+?{}1,.\\d$", max_size=12) | foreign, name=texts)
def test_any_text_is_refused_or_says_what_re_says(text, name):
    try:
        pattern = Pattern(text)
    except ValueError:
        return
    assert pattern.fullmatch(name) is bool(re.fullmatch(text, name, re.ASCII | re.DOTALL))


@pytest.mark.parametrize("text", [r"^golden-[a-z0-9]+(-[a-z0-9]+)*-\d{8}$", r"golden-[a-z0-9]+(?:-[a-z0-9]+)*-\d{8}"])
def test_a_pattern_as_policies_have_it(text):
    pattern = Pattern(text)
    assert pattern.fullmatch("golden-web-20260510")
    assert not pattern.fullmatch("golden-web-20260510\n")
    assert not pattern.fullmatch("xgolden-web-20260510")
    assert not pattern.fullmatch("golden-web-\N{FULLWIDTH DIGIT TWO}0260510"), "digits are those of ASCII"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("a" * (MAX_LENGTH + 1), "longer than"),
        ("(" * (MAX_DEPTH + 1) + "a" + ")" * (MAX_DEPTH + 1), "in one another"),
        ("(((a{99}){99}){99}){99}", "too large"),
        ("a)", "a ) without its ("),
        ("(a", "a ( without its )"),
        ("[a", "a [ without its ]"),
        ("[[:alpha:]]", "write \\["),
        ("[z-a]", "a range"),
        ("[a-\\d]", "a range"),
        ("(?=a)b", "linear time"),
        ("(?i)a", "linear time"),
        (r"(a)\1", r"\1, which is not supported"),
        (r"\bweb", r"\b, which is not supported"),
        ("a\\", "which is not supported"),
        ("a**", "a repetition of a repetition"),
        ("a*?", "a repetition of a repetition"),
        ("*a", "write \\*"),
        ("a{x}", "begins no count"),
        ("a{1000}", "begins no count"),
        ("a{3,2}", "ends before it begins"),
        ("a^b", "write \\^"),
        ("a$b", "write \\$"),
    ],
)
def test_what_is_refused(text, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Pattern(text)


@pytest.mark.parametrize("text", ["(a*)*b", "(a|a)*b", "(a|aa)+b", "(.*)(.*)(.*)(.*)(.*)b", "(a?){99}a{99}b"])
def test_what_makes_backtracking_explode_takes_no_time(text):
    begun = time.perf_counter()
    assert not Pattern(text).fullmatch("a" * 255)
    assert time.perf_counter() - begun < 2
