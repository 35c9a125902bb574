"""``imagegate prove`` killed (-9) while it makes, waits for and removes servers: exactly these are found and removed."""

from dataclasses import dataclass

import pytest
from tests.real.killing import ALL, NAME, ON_VOLUME, at, wait

from imagegate.prove_state import read_prove
from imagegate.sandbox import net

pytestmark = pytest.mark.real

MAKE, LOOK, DELETE = "nova POST /servers", "nova GET /servers/", "nova DELETE *"
PROVE = ("prove", "base", "--cloud", "sandbox", "--region", "KR1", "--flavor", "u2.c1m2", "--timeout", "1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Where the proof is killed. ``made`` is how many servers there are then, ``known`` of how many the id is noted,
    ``asked`` how many are noted at all. ``ci``: on every CI run."""

    name: str
    when: object
    after: bool = False
    made: int
    known: int
    asked: int
    ci: bool = True


def waiting(requests):
    """The first look at the second server."""
    looked = [one.path for one in requests if one.service == "nova" and one.method == "GET" and "/servers/" in one.path]
    return len({path for path in looked if "detail" not in path}) == 2


POINTS = (
    Point(name="before the first", when=at(MAKE), made=0, known=0, asked=1, ci=False),
    Point(name="first answer lost", when=at(MAKE), after=True, made=1, known=0, asked=1),
    Point(name="before the second", when=at(MAKE, 2), made=1, known=1, asked=2, ci=False),
    Point(name="second answer lost", when=at(MAKE, 2), after=True, made=2, known=1, asked=2),
    Point(name="waiting", when=waiting, made=2, known=2, asked=2),
    Point(name="before the removal", when=at(DELETE), made=2, known=2, asked=2, ci=False),
    Point(name="while removing", when=at(DELETE), after=True, made=2, known=2, asked=2, ci=False),
)


class Nova:
    """The owner's servers, past the traps."""

    def __init__(self, scene):
        self.port, self.headers = scene.compute.port, scene.compute.headers

    def servers(self):
        listed = net.request(self.port, "GET", "/v2.1/servers/detail", headers=self.headers).json()["servers"]
        return {one["id"]: one["name"] for one in listed if one["name"] not in {NAME, ON_VOLUME}}

    def twin(self, like):
        """A server of the same name that carries no mark; its id."""
        flavors = net.request(self.port, "GET", "/v2.1/flavors", headers=self.headers).json()["flavors"]
        images = {one["id"]: one for one in like.here.images().values() if one["name"] == "base"}
        flavor = next(one["id"] for one in flavors if one["name"] == "u2.c1m2")
        name = f"ig-prove-{like.run.lower()}-b"
        body = {"server": {"name": name, "imageRef": next(iter(images)), "flavorRef": flavor, "networks": "none"}}
        headers = {**self.headers, "X-OpenStack-Nova-API-Version": "2.37"}
        return net.request(self.port, "POST", "/v2.1/servers", body=body, headers=headers).json()["server"]["id"]

    def delete(self, ident):
        net.request(self.port, "DELETE", f"/v2.1/servers/{ident}", headers=self.headers)
        wait(lambda: ident not in self.servers())


@pytest.mark.parametrize("point", [p for p in POINTS if ALL or p.ci], ids=lambda point: point.name.replace(" ", "-"))
def test_a_killed_proof_is_told_and_its_servers_are_removed_and_no_other(killing, point):
    nova = Nova(killing)
    killing.killed(point.when, *PROVE, after=point.after)
    state = read_prove(killing.reports / killing.run)
    wait(lambda: point.name == "while removing" or len(nova.servers()) == point.made)
    assert {one.name for one in state.open} >= set(nova.servers().values())
    assert (len(state.open), sum(one.id is not None for one in state.open)) == (point.asked, point.known)
    assert {one.id for one in state.open} - {None} <= set(nova.servers()) or point.name == "while removing"
    twin = nova.twin(killing)
    assert killing.command("prove", "--clean", killing.run) == 0, killing.said()
    wait(lambda: set(nova.servers()) == {twin})  # it has the name, but not the mark; Nova may list others once more
    assert read_prove(killing.reports / killing.run).open == ()
    assert killing.command("prove", "--clean", killing.run) == 0
    assert "has left nothing" in killing.said()
    nova.delete(twin)


def test_the_next_proof_finds_what_a_killed_one_has_left(killing):
    nova = Nova(killing)
    killing.killed(waiting, *PROVE)
    killed, left = killing.run, nova.servers()
    assert len(left) == 2
    assert killing.command(*PROVE) == 10, "these servers have no address, which is told; what was left is gone"
    said = killing.said()
    assert all(f"server {name} ({ident}) of run {killed}: removed" in said for ident, name in left.items())
    wait(lambda: nova.servers() == {})
