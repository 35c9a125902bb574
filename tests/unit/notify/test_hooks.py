"""Which hooks are told: by reference only, and every mistake without a word of the URL."""

from __future__ import annotations

import pytest

from imagegate.errors import UsageError
from imagegate.notify.hooks import Hook, notify_options

URL = "https://hooks.example/services/T00SECRET/B00SECRET/xoxbSECRETxoxb"
ENVIRONMENT = {"SLACK": URL, "AUDIT": f" {URL}\n", "KEY": "hunter2", "EMPTY": "", "PLAIN": URL.replace("https", "http")}


def options(*references, when=None, secret=None, **more):
    return notify_options(references, when=when, secret=secret, environment={**ENVIRONMENT, **more})


def test_the_url_comes_from_the_environment() -> None:
    made = options("slack:env:SLACK", "json:env:AUDIT", "slack:env:SLACK", secret="env:KEY")
    assert made.hooks == (
        Hook(kind="slack", variable="SLACK", url=URL),
        Hook(kind="json", variable="AUDIT", url=URL, secret=b"hunter2"),
    )
    assert made.when == "problem"


def test_no_representation_has_the_url_or_the_secret() -> None:
    made = options("json:env:AUDIT", secret="env:KEY")
    for shown in (repr(made), str(made), f"{made.hooks[0]}", repr([made]), made.hooks[0].name):
        assert "SECRET" not in shown
        assert "hunter2" not in shown
    assert made.hooks[0].name == "json:env:AUDIT"


def test_an_empty_variable_leaves_the_hook_out() -> None:
    made = options("slack:env:EMPTY", "json:env:AUDIT")
    assert [hook.variable for hook in made.hooks] == ["AUDIT"]
    assert made.silent == ("slack:env:EMPTY",)


@pytest.mark.parametrize("url", ["http://localhost:1/x", "http://127.0.0.1/x", "http://[::1]:8080/x", "https://a.example"])
def test_what_nobody_else_can_read_may_be_sent(url: str) -> None:
    assert options("json:env:X", X=url).hooks[0].url == url


@pytest.mark.parametrize(
    ("words", "more", "says"),
    [
        ({"references": [URL]}, {}, "the URL of a hook is a secret and has no place on a command line"),
        ({"references": [f"slack:{URL}"]}, {}, "has no place on a command line"),
        ({"references": [f"slack:env:{URL}"]}, {}, "has no place on a command line"),
        ({"references": ["slack:env:"]}, {}, "slack:env:NAME or json:env:NAME"),
        ({"references": ["slack:SLACK"]}, {}, "slack:env:NAME or json:env:NAME"),
        ({"references": ["slak:env:SLACK"]}, {}, "slak is no kind of hook, did you mean slack?"),
        ({"references": [":env:SLACK"]}, {}, "nothing is no kind of hook"),
        ({"references": ["slack:env:SLAK"]}, {}, "the variable SLAK is not set"),
        ({"references": ["slack:env:PLAIN"]}, {}, "the variable PLAIN holds no https URL"),
        ({"references": ["slack:env:X"]}, {"X": "T00SECRET"}, "the variable X holds no https URL"),
        ({"references": ["slack:env:X"]}, {"X": "https://"}, "holds no https URL"),
        ({"references": ["slack:env:X"]}, {"X": "https://h:SECRET/"}, "holds no https URL"),
        ({"references": ["slack:env:X"]}, {"X": "https://h/ SECRET\r\nX: y"}, "holds no https URL"),
        ({"references": ["slack:env:X"]}, {"X": "http://localhost.example/SECRET"}, "holds no https URL"),
        ({"references": ["slack:env:X"]}, {"X": "file:///etc/passwd"}, "holds no https URL"),
        ({"references": [], "when": "always"}, {}, "--notify-on: nobody is told anything"),
        ({"references": [], "secret": "env:KEY"}, {}, "--notify-secret: nobody is told anything"),
        ({"references": ["slack:env:SLACK"], "when": "alwas"}, {}, "did you mean always?"),
        ({"references": ["slack:env:SLACK"], "secret": "hunter2"}, {}, "never the secret itself"),
        ({"references": ["slack:env:SLACK"], "secret": "env:KAY"}, {}, "the variable KAY is not set"),
        ({"references": ["slack:env:SLACK"], "secret": "env:EMPTY"}, {}, "the variable EMPTY is empty"),
    ],
)
def test_what_does_not_fit_is_told_without_the_url(words, more, says) -> None:
    with pytest.raises(UsageError) as caught:
        options(*words["references"], when=words.get("when"), secret=words.get("secret"), **more)
    assert says in str(caught.value)
    assert "SECRET" not in str(caught.value)
    assert "hunter2" not in str(caught.value)
