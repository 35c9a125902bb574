"""How Sphinx builds the documentation site; `make docs` runs it. Warnings are errors there."""

from __future__ import annotations

import tomllib
from pathlib import Path

_PROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text("utf-8"))["project"]

project = "imagegate"
author = "the imagegate contributors"
release = version = _PROJECT["version"]
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "index"
exclude_patterns = ["_static"]
nitpicky = True
smartquotes = False

# Text of docstrings and of targets is text: no raw HTML comes through but comments on lines of their own.
myst_disable_syntax = ["html_inline"]
myst_heading_anchors = 4

html_theme = "furo"
html_title = f"imagegate {version}"
html_static_path = ["_static"]
html_css_files = ["imagegate.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_copyright = False
html_theme_options = {"navigation_with_keys": True, "footer_icons": []}
