"""Dates in names: what is one, what is none, and what a family is."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import foreign, thorough

from imagegate.dates import day_of, days_in, family, like_a_vendors, moment

century = st.dates(min_value=date(2000, 1, 1), max_value=date(2099, 12, 31))
around = st.text(st.characters(exclude_categories=("Nd", "Nl", "No")), max_size=6)


@thorough
@given(day=century, form=st.sampled_from(("%Y%m%d", "%Y-%m-%d", "%Y.%m.%d")), before=around, after=around)
def test_a_date_is_found_in_any_of_its_forms(day, form, before, after):
    name = f"{before}{day:{form}}{after}"
    assert days_in(name) == [(day, len(before), len(before) + len(f"{day:{form}}"))]
    assert family(name) == f"{before}*{after}"
    assert family(f"{before}{date(2011, 1, 1):{form}}{after}") == family(name), "another generation"


@pytest.mark.parametrize(
    "name",
    ["", "web", "web-20260230", "web-2026-13-01", "web-2026-05.10", "web-202605101", "web-120260510", "web-20260510120000",
     "web-19991231", "web-2026510", "web-٢٠٢٦٠٥١٠", "web-2026/05/10"],
)  # fmt: skip
def test_what_is_no_date(name):
    assert days_in(name) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("golden-web-20260510", "golden-web-*"),
        ("golden-ubuntu2204-20260510", "golden-ubuntu2204-*"),
        ("golden 2026-05-10 web", "golden * web"),
        ("20200101-web-20260510", "20200101-web-*"),
        ("golden-web-v12", "golden-web-v*"),
        ("golden-web-1.4.2", "golden-web-*"),
        ("golden-web", "golden-web"),
        ("", ""),
    ],
)
def test_families(name, expected):
    assert family(name) == expected


@pytest.mark.parametrize(
    ("name", "rule", "expected"),
    [
        ("golden-web-20260510", "-[0-9]{8}(-[0-9]+)?", "golden-web*"),
        ("golden-web-20260510-2", "-[0-9]{8}(-[0-9]+)?", "golden-web*"),
        ("golden-web-v3", "-[0-9]{8}", "golden-web-v3"),
        ("golden-web-v3-rc1", "-v[0-9]+(-rc[0-9])?", "golden-web*"),
        ("v3", "v[0-9]", "*"),
        ("", "-[0-9]*", ""),
        ("golden 1", ".*", "*"),
    ],
)
def test_families_by_the_policys_rule(name, rule, expected):
    assert family(name, rule) == expected


@pytest.mark.parametrize(
    "name",
    ["Ubuntu Server 24.04.3 LTS (2026.03.10)", "Windows 2012 R2 STD (2020.02.18) EN", "Windows 2016 STD(2026.03.10.) EN",
     "Windows 2019 STD(2020. 08. 18.)", "Rocky (2022.11.4)", "x (2026-03-10) ko"],
)  # fmt: skip
def test_names_like_a_vendors(name):
    assert like_a_vendors(name)


@pytest.mark.parametrize("name", ["golden-web-20260510", "Ubuntu Server 24.04.3 LTS", "web (2026.03.10) final", "(2026)", ""])
def test_names_like_nobody_elses(name):
    assert not like_a_vendors(name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2026.03.10", date(2026, 3, 10)), (" 2026-03-10T00:00:00Z", date(2026, 3, 10)), ("20260310", date(2026, 3, 10)),
     ("", None), ("null", None), ("2026.02.30", None), ("since 2026.03.10", None)],
)  # fmt: skip
def test_days(text, expected):
    assert day_of(text) == expected


def test_moments():
    assert moment("2026-05-10T09:00:00Z") == moment("2026-05-10T09:00:00") == datetime(2026, 5, 10, 9, tzinfo=UTC)
    assert moment("2026-05-10T09:00:00+09:00") == datetime(2026, 5, 10, tzinfo=UTC)
    assert [moment(text) for text in (None, "", "yesterday", "0001-01-01T00:00:00+09:00")] == [None] * 4


@thorough
@given(text=foreign | st.text("0123456789-. ()", max_size=30))
def test_any_text_is_read(text):
    assert len(family(text)) <= len(text)
    for day, begin, end in days_in(text):
        assert text[begin:end].replace("-", "").replace(".", "") == f"{day:%Y%m%d}"
    like_a_vendors(text), day_of(text), moment(text)
