"""Joining what clouds list with what the inventory reaches, and picking what the command line names."""

from dataclasses import dataclass, replace

import pytest

from imagegate.errors import UsageError
from imagegate.model import Kind, Target
from imagegate.targets import join, named


@dataclass
class Guest:
    """An entry of an inventory."""

    name: str
    address: str | None = "192.0.2.1"
    os: str | None = None


def server(name, uid=None, **attributes):
    """A server that a cloud lists."""
    return Target(
        kind=Kind.INSTANCE, id=uid or f"id-of-{name}", name=name, cloud="nhn", region="KR1",
        attributes={key: frozenset({value}) for key, value in attributes.items()}, unseen=frozenset({"os"}),
    )  # fmt: skip


WEB, DB = server("web"), server("db")
IMAGE = Target(kind=Kind.IMAGE, id="i", name="web", cloud="nhn", region="KR1")


def guests(*entries):
    """An inventory."""
    return {entry.name: entry for entry in entries}


def test_an_entry_belongs_to_the_server_of_its_name():
    targets, warnings = join([WEB, DB, IMAGE], guests(Guest("web")))
    assert [target.guest for target in targets] == ["web", None, None]
    assert warnings == []


def test_an_entry_belongs_to_the_server_of_its_id_before_that_of_its_name():
    tricky = server("id-of-web", "other")
    targets, _ = join([WEB, tricky], guests(Guest("id-of-web")))
    assert [target.guest for target in targets] == ["id-of-web", None]


def test_a_name_of_two_servers_belongs_to_neither_and_is_told():
    twins = [server("web", "1"), server("web", "2")]
    targets, warnings = join(twins, guests(Guest("web")))
    assert [target.guest for target in targets] == [None, None]
    assert warnings == ["the inventory's web is the name of several servers (1, 2): name it by id"]


def test_twins_are_told_apart_by_id():
    twins = [server("web", "1"), server("web", "2")]
    targets, warnings = join(twins, guests(Guest("2")))
    assert [target.guest for target in targets] == [None, "2"]
    assert warnings == []


def test_an_image_of_the_name_gets_no_guest():
    [image, lonely], _ = join([IMAGE], guests(Guest("web")))
    assert image == IMAGE
    assert lonely.kind is Kind.INSTANCE


def test_an_entry_that_no_cloud_lists_is_a_target_of_which_only_the_name_is_known():
    [target], _ = join([], guests(Guest("here")))
    assert (target.id, target.name, target.guest, target.cloud) == ("here", "here", "here", None)
    assert target.attributes == {"name": frozenset({"here"})}
    assert all(not target.sees(name) for name in ("id", "flavor", "status", "region", "metadata.team", "os"))


def test_the_inventory_tells_the_operating_system():
    [web, here], _ = join([WEB], guests(Guest("web", os="linux"), Guest("here", os="windows")))
    for target, os in ((web, "linux"), (here, "windows")):
        assert target.attributes["os"] == frozenset({os})
        assert target.sees("os")


def test_an_entry_without_an_operating_system_leaves_what_the_cloud_says():
    told = replace(WEB, attributes={"os": frozenset({"linux"})}, unseen=frozenset())
    [web], _ = join([told], guests(Guest("web")))
    assert web.attributes["os"] == frozenset({"linux"})
    assert web.sees("os")


# ---- names on the command line


def test_instances_are_named_by_name_or_by_id_and_once():
    assert named([WEB, DB, IMAGE], ["web", "id-of-db", "id-of-web"], complete=True) == ([WEB, DB], [])


def test_an_image_is_no_instance():
    with pytest.raises(UsageError, match="no instance is called web"):
        named([IMAGE], ["web"], complete=True)


def test_a_name_of_two_instances_is_an_error_that_lists_their_ids_and_places():
    twins = [server("web", "1"), replace(server("web", "2"), region="KR2")]
    with pytest.raises(UsageError, match=r"web is the name of 2 instances: .*1 \(nhn/KR1\), 2 \(nhn/KR2\)"):
        named(twins, ["web"], complete=True)


def test_an_id_wins_over_names():
    twins = [server("web", "1"), server("1", "2"), server("1", "3")]
    assert named(twins, ["1"], complete=True)[0] == [twins[0]]


def test_a_name_that_does_not_exist_is_an_error_that_lists_those_that_do():
    with pytest.raises(UsageError, match="no instance is called wbe; those that can be seen: db, web"):
        named([WEB, DB], ["wbe"], complete=True)


def test_a_name_that_was_not_found_in_incomplete_lists_is_missing_and_no_error():
    assert named([WEB], ["web", "db"], complete=False) == ([WEB], ["db"])
