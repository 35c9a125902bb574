"""Hostile text is shown, never obeyed."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegate.report.safe import inert, visible, without_lone_surrogates


@pytest.mark.parametrize(
    "text, shown",
    [
        ("web-01", "web-01"),
        ("", ""),
        ("골든 이미지 żółw ✓", "골든 이미지 żółw ✓"),
        ("a\nb\r\n\tc", r"a\nb\r\n\tc"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\x00\x7f\x9b", r"\x00\x7f\x9b"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("\u2066\u2069\u200e\u200f\u061c", r"\u2066\u2069\u200e\u200f\u061c"),
        ("we\u200bb\ufeff\u00ad", r"we\u200bb\ufeff\xad"),
        ("\udc80\ud83d", r"\udc80\ud83d"),
        ("\ue000\U000f0000", r"\ue000\U000f0000"),
        ("\u2028\u2029\x85", r"\u2028\u2029\x85"),
        ("\uffff\ufffe\U000e0041", r"\uffff\ufffe\U000e0041"),
        ("web\u3164\u2800\ufe0f", r"web\u3164\u2800\ufe0f"),
        ("a\u00a0b", "a\u00a0b"),
        (r"C:\Windows", r"C:\Windows"),
    ],
)
def test_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_length_is_capped() -> None:
    assert visible("a" * 200) == "a" * 200
    assert visible("a" * 201) == "a" * 199 + "…"
    assert len(visible("\x1b" * 10**6)) == 200
    assert visible("abcdef", 4) == "abc…"


@given(st.text(st.characters(), max_size=400))
def test_everything_is_visible(text: str) -> None:
    shown = visible(text)
    assert len(shown) <= 200
    assert visible(shown) == shown
    assert not [char for char in shown if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}]


def test_lone_surrogates_are_written_out() -> None:
    assert without_lone_surrogates({"a\ud800": ["\udfff", 1, None, ("😀",)]}) == {
        r"a\ud800": [r"\udfff", 1, None, ["😀"]]
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("::error::x", r"\x3a:error::x"),
        ("  ::stop-commands::x", r"  \x3a:stop-commands::x"),
        ("a ##[add-mask]x", r"a \x23#[add-mask]x"),
        ("##vso[task.setvariable]x ##teamcity[x", r"\x23#vso[task.setvariable]x \x23#teamcity[x"),
        ("fd00::1 and a::b", "fd00::1 and a::b"),
        ("# heading ## [x]", "# heading ## [x]"),
    ],
)
def test_no_line_of_a_log_is_a_command_to_a_ci_server(text: str, shown: str) -> None:
    assert inert(text) == shown
    assert inert(shown) == shown
