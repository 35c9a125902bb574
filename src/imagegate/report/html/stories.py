"""What the commands capture and prove did beside judging, as labels and values for the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from markupsafe import Markup

from imagegate.report.safe import TEXT_LIMIT, visible

Pairs = list[tuple[Markup, Any]]


class Speaks(Protocol):
    """As ``shell.Say``."""

    def __call__(self, key: str, **values: Any) -> Markup:
        """The words under ``key``."""

    def known(self, section: str, value: object) -> Markup | str:
        """The words for ``value``, or the value."""


def capture_story(story: Mapping[str, Any], say: Speaks) -> dict[str, Any]:
    """What was asked for, how far it came, and the image."""
    return {
        "facts": list(_capture(story, say)),
        "lists": [
            (say("story.planned"), [_text(text) for text in story.get("planned") or ()]),
            *(
                (say(f"story.left-{name}"), [_text(text) for text in (story.get("left") or {}).get(name) or ()])
                for name in ("open", "owed", "changed", "copies")
            ),
        ],
    }


def _capture(story: Mapping[str, Any], say: Speaks) -> Iterator[tuple[Markup, Any]]:
    yield say("story.instance"), _named(story["instance"])
    yield say("story.name"), _text(story["name"])
    yield say("story.stage"), say.known("story", f"stage-{story['stage']}")
    if story.get("gate"):
        gate = story["gate"]
        yield say("story.gate"), say("story.gate-value", run=_text(gate["run"]), n=gate["exit_code"])
    for name, value in (("way", story.get("way")), ("asked-at", story.get("asked_at"))):
        if value:
            yield say(f"story.{name}"), _text(value)
    if story.get("image"):
        yield say("story.image"), _named(story["image"])
    if story.get("size") is not None:
        yield say("story.size"), f"{story['size'] / 2**20:,.1f} MiB"
    if story.get("root_gb"):
        yield say("story.root-disk"), f"{story['root_gb']:,} GB"
    if root := story.get("root"):
        used, size = (f"{root[name] / 2**20:,.1f} MiB" for name in ("used", "size"))
        yield say("story.root"), say("story.root-value", used=used, size=size)
    elif story.get("root_unseen"):
        yield say("story.root"), _text(story["root_unseen"])
    for name, value in (story.get("bound") or {}).items():
        if value:
            yield say("story.bound"), _text(f"{name} {value}")
    if story.get("stopped"):
        yield say("story.stopped"), _text(story["stopped"])


def prove_story(story: Mapping[str, Any], say: Speaks) -> dict[str, Any]:
    """The two servers that were made from the image, and what became of them."""
    return {
        "facts": list(_prove(story, say)),
        "lists": [
            (say("story.left"), [f"{_named(one)}: {_text(one['reason'])}" for one in story.get("left") or ()]),
            (say("story.cleaned"), [f"{_named(one)} ({_text(one['run'])})" for one in story.get("cleaned") or ()]),
        ],
    }


def _prove(story: Mapping[str, Any], say: Speaks) -> Iterator[tuple[Markup, Any]]:
    if story.get("image"):
        yield say("story.image"), _named(story["image"])
    yield say("story.flavor"), _text(story["flavor"])
    for one in story.get("servers") or ():
        fate = say("story.removed" if one["removed"] else "story.not-removed")
        parts = [_named(one), *(_text(one[name]) for name in ("address", "status") if one.get(name))]
        yield (
            say("story.clone", letter=_text(one["clone"]).upper()),
            Markup("{} · {}").format(" · ".join(parts), fate),
        )


def _named(one: Mapping[str, Any]) -> str:
    return " ".join(_text(one[name]) for name in ("name", "id") if one.get(name))


def _text(value: object) -> str:
    return visible(str(value), TEXT_LIMIT)
