"""The built site: whole, with no dead link, and nothing of it comes from another host."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from tests.checks.harness import catalogue
from tests.docs.pages import DOCS

LOADS = {
    "script": ("src",), "link": ("href",), "img": ("src", "srcset"), "iframe": ("src",), "source": ("src", "srcset"),
    "video": ("src", "poster"), "audio": ("src",), "object": ("data",), "embed": ("src",), "use": ("href",),
    "form": ("action",), "input": ("src",), "base": ("href",), "track": ("src",),
}  # fmt: skip
"""Attributes that make a browser fetch something, or send something, by themselves."""
OF_CSS = re.compile(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)")


class Page(HTMLParser):
    """What a page loads, where it links to, and the anchors that it has."""

    def __init__(self, path):
        super().__init__()
        self.loads, self.links, self.anchors, self.styles = [], [], set(), []
        self.in_style = False
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.in_style = tag == "style"
        self.loads += [given[name] for name in LOADS.get(tag, ()) if given.get(name)]
        self.styles += [given["style"]] if given.get("style") else []
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])

    def handle_data(self, data):
        if self.in_style:
            self.styles.append(data)
            self.in_style = False


def build(source, folder):
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "-d", folder / "doctrees"]
    done = subprocess.run([*command, source, folder / "site"], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr, folder / "site"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    code, said, folder = build(DOCS, tmp_path_factory.mktemp("built"))
    assert (code, said) == (0, "")
    return folder


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path) for path in sorted(site.rglob("*.html"))}


def foreign(address):
    return bool(urlsplit(address).netloc) or urlsplit(address).scheme not in {"", "data"}


def test_no_page_loads_anything_from_another_host(pages):
    assert pages
    found = [(path.name, address) for path, page in pages.items() for address in page.loads if foreign(address)]
    assert found == []


def test_no_style_or_script_fetches_from_another_host(site, pages):
    sheets = {path: path.read_text("utf-8") for path in site.rglob("*.css")}
    assert sheets
    texts = [*sheets.values(), *(style for page in pages.values() for style in page.styles)]
    found = [address for text in texts for pair in OF_CSS.findall(text) for address in pair if address]
    assert [address for address in found if foreign(address)] == []
    for path in site.rglob("*.js"):
        assert not re.search(r"(?:fetch|importScripts|XMLHttpRequest|import)\(\s*[\"'`]https?:", path.read_text("utf-8")), path


def test_what_pages_load_is_there(site, pages):
    for path, page in pages.items():
        for address in page.loads:
            if address and not foreign(address) and not address.startswith("data:"):
                assert target(site, path, address).is_file(), (path, address)


def test_every_internal_link_leads_somewhere(site, pages):
    links = 0
    for path, page in pages.items():
        for link in page.links:
            if foreign(link) or urlsplit(link).scheme:
                continue
            links += 1
            place = target(site, path, link)
            assert place.is_file(), (path, link)
            anchor = unquote(urldefrag(link).fragment)
            if anchor and place.suffix == ".html":
                assert anchor in pages[place].anchors, (path, link)
    assert links > 1000


def target(site, path, address):
    """The file behind an address of a page."""
    name = unquote(urlsplit(address).path)
    place = path if not name else (path.parent / name).resolve()
    assert place.is_relative_to(site)
    return place


def test_each_check_has_a_page_with_an_example(site):
    for name, entry in catalogue().entries.items():
        text = (site / "checks" / f"{name}.html").read_text("utf-8")
        for heading in ("Why it matters", "Passes when", "Fix", "In a policy", "Parameters", "Looks at", "References"):
            assert f">{heading}<" in text, (name, heading)
        assert f"FAIL {entry.check.severity} {name}" in text
        assert f"checks/{name}.html" in (site / "index.html").read_text("utf-8")


def test_every_page_is_reached_from_the_first(site, pages):
    seen, ahead = set(), [site / "index.html"]
    while ahead:
        path = ahead.pop()
        if path not in seen:
            seen.add(path)
            inside = (link for link in pages[path].links if not urlsplit(link).scheme)
            ahead += [place for place in (target(site, path, link) for link in inside) if place.suffix == ".html"]
    assert {path.relative_to(site).as_posix() for path in set(pages) - seen} <= {"genindex.html", "search.html"}


@pytest.fixture
def small(tmp_path):
    """A site of one page, with the configuration of ours."""
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "conf.py").write_text((DOCS / "conf.py").read_text())
    (docs / "_static").mkdir()
    (docs / "_static" / "imagegate.css").touch()
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "0"\n')

    def make(text):
        (docs / "index.md").write_text(f"# A page\n\n{text}\n")
        return build(docs, tmp_path)

    return make


@pytest.mark.parametrize("link", ["[x](no-such-page.md)", "[x](#no-such-heading)", "[x](index.md#no-such-heading)"])
def test_a_dead_link_fails_the_build(small, link):
    code, said, _ = small(link)
    assert code != 0
    assert "no-such" in said


def test_markup_in_text_is_text(small):
    code, said, site = small("a <script>alert(1)</script> b <img src=https://example.com/x> c")
    assert (code, said) == (0, "")
    page = Page(site / "index.html")
    assert not [address for address in page.loads if foreign(address)]
    assert "&lt;script&gt;alert(1)" in (site / "index.html").read_text()
