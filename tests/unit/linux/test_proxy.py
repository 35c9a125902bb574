"""Proxy variables in files: set or not, what is spared; values do not stay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegate.transports.linux.proxy import parse_proxy

SECRET = "hunter2"
URL = f"http://user:{SECRET}@proxy:3128"


def said(text):
    found = parse_proxy("/x", text.encode())
    return None if found is None else (found.proxy, found.bypass)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", None),
        ("PATH=/bin\nlanguage=http_proxy\n", None),
        (f"http_proxy={URL}", (True, "unset")),
        (f'HTTPS_PROXY="{URL}"', (True, "unset")),
        (f"export all_proxy='{URL}'", (True, "unset")),
        (f"  export ftp_proxy={URL}; export no_proxy=169.254.0.0/16", (True, "network")),
        (f'DefaultEnvironment="http_proxy={URL}" "no_proxy=10.0.0.1,169.254.0.0/16"', (True, "network")),
        (f"# http_proxy={URL}", None),
        (f"; DefaultEnvironment=http_proxy={URL}", None),
        ("http_proxy=", None),
        ('http_proxy=""\nno_proxy=', (False, "none")),
        (f"http_proxy={URL}\nhttp_proxy=\nno_proxy=*", (False, "network")),
        (f"my_http_proxy={URL}", None),
        ('[ "$http_proxy" = "" ]\n[ -z "${http_proxy}" ]', None),
        ("unset http_proxy", None),
    ],
)
def test_variables(text, found):
    assert said(text) == found


@pytest.mark.parametrize(
    ("value", "bypass"),
    [
        ("169.254.0.0/16", "network"),
        ("localhost,169.254.0.0/16,.example.com", "network"),
        ("localhost, 169.254.0.0/16", "network"),
        ("localhost 169.254.0.0/16", "network"),
        ("169.0.0.0/8", "network"),
        ("0.0.0.0/0", "network"),
        ("169.254.169.254/16", "network"),
        ("169.254.*", "network"),
        ("169.254.*.*", "network"),
        ("169.254.", "network"),
        ("*", "network"),
        ("169.254.169.254", "address"),
        ("169.254.169.254/32", "address"),
        ("169.254.169.0/24", "address"),
        ("169.254.1.1", "none"),
        ("1169.254.", "none"),
        ("*.example.com", "none"),
        ("::/0", "none"),
        ("localhost", "none"),
    ],
)
def test_what_is_spared(value, bypass):
    assert said(f'no_proxy="{value}"\nhttp_proxy={URL}') == (True, bypass)


@pytest.mark.parametrize(
    ("text", "bypass"),
    [
        ("no_proxy=169.254.0.0/16\nno_proxy=localhost", "none"),
        ("no_proxy=localhost\nno_proxy=169.254.0.0/16", "network"),
        ("no_proxy=169.254.0.0/16\nno_proxy=$no_proxy,localhost", "network"),
        ("no_proxy=169.254.0.0/16\nno_proxy=${no_proxy},localhost", "network"),
        ("no_proxy=169.254.0.0/16\nno_proxy=$no_proxyx,localhost", "none"),
        ("no_proxy=169.254.0.0/16\nNO_PROXY=localhost", "none"),
        ("no_proxy=169.254.169.254\nNO_PROXY=*", "address"),
    ],
)
def test_which_of_several_counts(text, bypass):
    assert said(text) == (False, bypass)


def test_values_do_not_stay():
    assert SECRET not in repr(parse_proxy("/x", f"http_proxy={URL}\nno_proxy={SECRET}".encode()))


words = st.sampled_from(("http_proxy", "NO_PROXY", "=", '"', "'", "\n", " ", "$", "#", "169.254.0.0/16", "*", "export "))


@given(st.binary(max_size=200) | st.lists(words, max_size=20).map(lambda parts: "".join(parts).encode()))
def test_any_bytes_can_be_read(text):
    found = parse_proxy("/x", text)
    if found is not None:
        assert found.proxy or found.bypass != "unset"
        assert b"_proxy" in text.lower()
