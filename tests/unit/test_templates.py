"""Texts that people read, made from records; names have their cases in the table of catalog-name-conforms."""

from dataclasses import replace

import pytest
from pydantic import TypeAdapter, ValidationError

from imagegate.probes import ImageFact
from imagegate.templates import TextTemplate, write

IMAGE = ImageFact(
    id="1a2b3c4d-5e6f", name="Web Server / 2", owner="p", mine=True, status="active", visibility="private",
    protected=True, created_at="2026-05-11T09:00:00Z", properties=(("os", "Rocky 9"), ("token", "(withheld)")),
)  # fmt: skip


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{name}", "Web Server / 2"),
        ("Copy of {name} ({id}) from {region}, {created}", "Copy of Web Server / 2 (1a2b3c4d) from KR1, 20260511"),
        ("{property.os} {{x}}", "Rocky 9 {x}"),
        ("no field at all", "no field at all"),
        ("{property.none}", None),
        ("{property.token}", None),
        (" ", None),
        ("x" * 255, "x" * 255),
        ("x" * 256, None),
    ],
)
def test_values_are_as_they_are(template, text):
    assert write(template, IMAGE, "KR1") == text


def test_a_day_that_nobody_knows():
    assert write("{created}", replace(IMAGE, created_at=None), "KR1") is None


@pytest.mark.parametrize("template", ["", "{regoin}", "{name!r}", "{name", "{property.}"])
def test_bad_templates(template):
    with pytest.raises(ValidationError):
        TypeAdapter(TextTemplate).validate_python(template)
