"""The release date of the origin image: every spelling of the facts, the order of the evidence, and who can edit it."""

from datetime import date

import pytest
from tests.checks.harness import given

from imagegate.errors import Unobserved
from imagegate.origin import dates_in, released
from imagegate.probes import ORIGIN, OriginImageFact

AUGUST, FEBRUARY = date(2020, 8, 18), date(2020, 2, 18)


@pytest.mark.parametrize(
    ("name", "day"),
    [
        # the image API
        ("Ubuntu Server 24.04.3 LTS (2026.03.10)", date(2026, 3, 10)),
        ("Ubuntu Server 20.04.1 LTS (2020.12.22)", date(2020, 12, 22)),
        ("Windows 2019 STD with MS-SQL 2019 Standard (2020.12.22) KO", date(2020, 12, 22)),
        ("Windows 2012 R2 STD (2020.02.18) EN", FEBRUARY),
        ("Windows 2012 R2 STD (2020.02.18)", FEBRUARY),
        ("CentOS 6.10 (2018.10.23)", date(2018, 10, 23)),
        # the release notes
        ("Windows 2016 STD(2026.03.10.) EN", date(2026, 3, 10)),
        ("Windows 2019 STD(2020. 08. 18.)", AUGUST),
        ("Windows 2012 R2 STD(2020. 02.18)", FEBRUARY),
        ("Debian 11.5 Bullseye(2022.11.4)", date(2022, 11, 4)),
        ("Windows 2019 STD (Aug.18,2020)", AUGUST),
        ("Windows 2019 STD (aug. 18, 2020)", AUGUST),
        ("Windows 2022 STD (September 20, 2022)", date(2022, 9, 20)),
        ("Windows 2022 STD (Sept. 20, 2022)", date(2022, 9, 20)),
        ("Windows 2022 STD (May 3, 2022)", date(2022, 5, 3)),
        ("JEUS8Fix1(Managed Server 2022. 12. 20.)", date(2022, 12, 20)),
        ("Windows 2019 STD (2020. 8. 18.) KO", AUGUST),
        ("Windows 2019 STD (2020-08-18)", AUGUST),
        ("Windows 2019 STD (2020/08/18) JA", AUGUST),
        ("Windows 2019 STD ( 2020 . 08 . 18 . )", AUGUST),
        ("Windows 2019 STD (2020.08.18) \uc774\ubbf8\uc9c0 \ucd94\uac00", AUGUST),
        ("Windows 2016 STD (2020.08.18 hotfix 2)", AUGUST),
        ("Windows 2016 STD (64-bit) (2020.08.18)", AUGUST),
        ("Windows 2016 STD (2020.02.29)", date(2020, 2, 29)),
    ],
)
def test_every_spelling_of_a_date_is_read(name, day):
    assert dates_in(name) == (day,)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Windows 2019 STD",
        "Windows 2016 STD with MS-SQL 2019 Standard",  # the first four digits are not its year
        "Windows 2019 STD 2020.08.18",  # not in brackets
        "Windows 2019 STD (2020.08.18",  # a bracket that does not close
        "Windows 2019 STD (2020.13.01)",
        "Windows 2019 STD (2020.00.10)",
        "Windows 2019 STD (2021.02.29)",
        "Windows 2019 STD (2020.08.32)",
        "Windows 2019 STD (0000.01.01)",
        "Windows 2019 STD (Feb.30,2020)",
        "Windows 2019 STD (Foo 18, 2020)",
        "Windows 2019 STD (Augusta 18, 2020)",
        "Windows 2019 STD (20200818)",
        "Windows 2019 STD (12020.08.18)",
        "Windows 2019 STD (2020.08.181)",
        "Windows 2019 STD (build 10.2020.08.18)",
        "Windows 2019 STD (2020.08.18.5)",
        "Windows 2019 STD (20.08.18)",
        "Windows 2019 STD (2020.08)",
        "Windows 2019 STD (\uff12\uff10\uff12\uff10.08.18)",  # digits of another script
        "https://docs.example/kb(" + "(" * 5000,
    ],
)
def test_what_is_no_date_is_none(name):
    assert dates_in(name) == ()


def test_two_dates_are_two_and_one_date_twice_is_one():
    assert dates_in("a (2020.08.18) (2020.02.18)") == (AUGUST, FEBRUARY)
    assert dates_in("a (2020.08.18 - 2020.02.18)") == (AUGUST, FEBRUARY)
    assert dates_in("a (2020.08.18) (Aug.18,2020)") == (AUGUST,)


def origin(public: bool | None = True, **fields):
    """Facts with an origin image."""
    return given({ORIGIN: OriginImageFact(image_id="i-1", public=public, **fields)})


@pytest.mark.parametrize("property_", ["2020.08.18", "2020-08-18", "2020. 8. 18.", "Aug.18,2020", "2020-08-18T09:00:00Z"])
def test_the_property_release_date_needs_no_brackets(property_):
    assert released(origin(release_date=property_)).day == AUGUST


NAMED = {
    "release_date": "2017.05.25",
    "name": "Windows (2018.02.22)",
    "description": "Windows (2018.07.16)",
    "server_name": "Windows (2018.08.09)",
    "server_description": "Windows (2019.04.25)",
}
ORDER = {
    "release_date": ("the image's release_date", date(2017, 5, 25)),
    "name": ("the image's name", date(2018, 2, 22)),
    "description": ("the image's description", date(2018, 7, 16)),
    "server_name": ("the server's metadata image_name", date(2018, 8, 9)),
    "server_description": ("the server's metadata description", date(2019, 4, 25)),
}


@pytest.mark.parametrize("first", NAMED)
def test_the_first_evidence_that_has_a_date_decides_and_the_rest_is_mentioned(first):
    places = list(NAMED)
    rest = places[places.index(first) :]
    found = released(origin(**{place: NAMED[place] for place in rest}))
    assert (found.by, found.day) == ORDER[first]
    assert found.doubts == tuple(f"but {by} says {day}" for by, day in (ORDER[place] for place in rest[1:]))


@pytest.mark.parametrize("first", NAMED)
@pytest.mark.parametrize("public", [True, False, None])
def test_only_the_record_of_a_public_image_is_out_of_the_projects_reach(first, public):
    found = released(origin(public=public, **{first: NAMED[first]}))
    assert found.editable is not (public is True and not first.startswith("server"))
    assert str(found).endswith(", which the project can edit") is found.editable


def test_it_reads_as_a_note():
    gone = origin(public=None, gone="image i-1 is gone", server_name="Windows 2016 STD (2019.04.25) EN")
    assert str(released(gone)) == (
        "origin image of 2019-04-25, by the server's metadata image_name, which the project can edit"
    )
    public = origin(name="Windows 2016 STD (2019.04.25)", server_name="Windows 2019 STD (2020.02.18)")
    assert str(released(public)) == (
        "origin image of 2019-04-25, by the image's name; but the server's metadata image_name says 2020-02-18"
    )


def test_evidence_that_agrees_is_no_doubt():
    same = origin(release_date="2020.08.18", name="x (2020.08.18)", server_name="x (Aug.18,2020) KO")
    assert released(same).doubts == ()


def test_evidence_that_is_no_date_or_several_is_passed_over():
    skipped = origin(release_date="2020.02.31", name="x (2020.02.18) (2020.08.18)", description="x (2020.08.18)")
    found = released(skipped)
    assert (found.day, found.by) == (AUGUST, "the image's description")
    assert found.doubts == ("but the image's name says 2020-02-18 and 2020-08-18",)


@pytest.mark.parametrize("field", ["name", "server_name", "description"])
def test_what_a_project_calls_its_own_image_is_no_release_date(field):
    ours = OriginImageFact(image_id="i", public=False, **{field: "golden-win (2026.05.10)"})
    with pytest.raises(Unobserved, match="no evidence"):
        released(given({ORIGIN: ours}))


def test_what_the_policy_states_decides_without_any_look():
    assert str(released(given({}), AUGUST)) == "origin image of 2020-08-18, by the policy"
    assert released(given({}), AUGUST).editable is False


def test_what_the_policy_states_decides_against_the_evidence_which_is_mentioned():
    found = released(origin(name="x (2020.02.18)", server_name="x (2020.08.18)"), AUGUST)
    assert str(found) == "origin image of 2020-08-18, by the policy; but the image's name says 2020-02-18"


@pytest.mark.parametrize(
    ("fields", "because"),
    [
        ({}, "no evidence tells the release date of the origin image; find it out"),
        ({"name": "golden-win", "server_name": "golden-win"}, "origin image; find it out"),
        ({"public": None, "gone": "image i-1 is gone (HTTP 404)"}, "origin image: image i-1 is gone (HTTP 404); find"),
        ({"image_id": None, "public": None}, "origin image: the instance was made from a volume; find"),
        ({"name": "x (2020.02.18) (2020.08.18)"}, "origin image: the image's name has several dates; find"),
    ],
)
def test_no_date_is_unknown_and_says_why_and_what_to_do(fields, because):
    seen = given({ORIGIN: OriginImageFact(**{"image_id": "i-1", "public": True, **fields})})
    with pytest.raises(Unobserved) as caught:
        released(seen)
    assert caught.value.subject == ORIGIN.key
    assert because in caught.value.reason
    assert caught.value.reason.endswith("state it in the policy (`released`)")


def test_an_origin_that_was_not_seen_is_unknown_with_the_reason_of_the_look():
    with pytest.raises(Unobserved, match="the compute API fell silent"):
        released(origin(name="x (2020.08.18)").without(ORIGIN, "the compute API fell silent"))
