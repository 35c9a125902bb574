"""Laws of the origin image's release date: what was written is read, whatever stands around it, and nothing else is."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.checks.harness import given as facts
from tests.strategies import foreign, origins, patient, thorough

from imagegate.errors import Unobserved
from imagegate.origin import dates_in, released
from imagegate.probes import ORIGIN

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
dates = st.dates(min_value=date(2000, 1, 1), max_value=date(2099, 12, 31))
products = st.sampled_from(
    ("Windows 2019 STD", "Windows 2016 STD with MS-SQL 2019 Standard", "Ubuntu Server 24.04.3 LTS", "CentOS 6.10", "")
)
tails = st.sampled_from(("", " EN", " KO", " JA", "EN", " \uc774\ubbf8\uc9c0"))


@st.composite
def spelled(draw, day):
    """A day as some name has it, without its brackets."""
    if draw(st.booleans()):
        name = MONTHS[day.month - 1]
        month = draw(st.sampled_from((name, name[:3], name[:3].upper(), f"{name[:3]}.", f"{name[:3]}. ")))
        gap = "" if month.endswith((".", " ")) else " "
        return f"{month}{gap}{day.day},{draw(st.sampled_from(('', ' ')))}{day.year}"
    dot, space = draw(st.sampled_from((".", "-", "/"))), draw(st.sampled_from(("", " ")))
    month, number = draw(st.sampled_from(((f"{day.month:02}", f"{day.day:02}"), (str(day.month), str(day.day)))))
    return f"{day.year}{dot}{space}{month}{dot}{space}{number}{draw(st.sampled_from(('', '.')))}"


@thorough
@given(data=st.data(), day=dates, product_=products, tail=tails)
def test_a_date_in_brackets_is_read_in_every_spelling_after_any_product(data, day, product_, tail):
    inside = data.draw(st.sampled_from(("", "Managed Server ", " "))) + data.draw(spelled(day))
    assert dates_in(f"{product_} ({inside}){tail}") == (day,)


@thorough
@given(text=st.text(alphabet=st.sampled_from("()0129.-/, AugSep\n"), max_size=60))
def test_whatever_stands_there_gives_days_whose_digits_stand_there_in_brackets(text):
    for day in dates_in(text):
        assert str(day.year) in text
        assert "(" in text
        assert ")" in text


@patient
@given(text=st.text(max_size=80))
def test_text_without_brackets_has_no_date(text):
    assert dates_in(text.replace("(", "").replace(")", "")) == ()


@patient
@given(year=st.integers(2000, 2099), month=st.integers(0, 99), day=st.integers(0, 99))
def test_what_is_no_day_of_the_calendar_is_no_date(year, month, day):
    try:
        date(year, month, day)
    except ValueError:
        assert dates_in(f"Windows 2019 STD ({year}.{month:02}.{day:02})") == ()
    else:
        assume(False)


@thorough
@given(origin=origins, stated=st.none() | dates)
def test_any_origin_gives_a_date_of_its_evidence_or_says_that_none_is_known(origin, stated):
    seen = facts({ORIGIN: origin})
    texts = (
        f"({origin.release_date})", origin.name, origin.description, origin.server_name, origin.server_description,
    )  # fmt: skip
    days = [found[0] for text in texts if len(found := dates_in(text or "")) == 1]
    if stated is not None:
        found = released(seen, stated)
        assert (found.day, found.editable) == (stated, False)
    elif days:
        found = released(seen)
        assert found.day == days[0]
        assert found.editable or origin.public is True
    else:
        with pytest.raises(Unobserved) as caught:
            released(seen)
        assert caught.value.subject == ORIGIN.key


@patient
@given(origin=origins, server_name=foreign, server_description=foreign)
def test_what_the_project_writes_never_outweighs_a_public_record(origin, server_name, server_description):
    """With a date in the record of a public image, the server's metadata decides nothing."""
    public = replace(origin, public=True, name="Windows 2016 STD (2019.04.25)", release_date=None)
    forged = replace(public, server_name=f"{server_name} (2026.03.10)", server_description=server_description)
    assert released(facts({ORIGIN: forged})).day == released(facts({ORIGIN: public})).day == date(2019, 4, 25)
