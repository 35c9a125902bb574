"""The shape of a policy file: the models that read it, and the JSON Schema for editors that is made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from imagegate.fingerprint import PATTERN
from imagegate.model import Check, Kind, Scope
from imagegate.selectors import ATTRIBUTES, KEYED
from imagegate.strict_yaml import Day

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
Count = Annotated[int, Field(ge=0, strict=True)]


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RuleFile(_File):
    """Names targets and the checks that they must meet."""

    for_: Any = Field(alias="for", description="Which targets: one kind, and the attributes that select them.")
    require: dict[str, Any] = Field(
        min_length=1, description="The checks, by id, each with its parameters (or nothing)."
    )


class WaiverFile(_File):
    """Lets a fail stand beside a reason, for a time. It never covers an unknown. It names targets (for), one finding
    (fingerprint), or both."""

    check: Text = Field(description="The id of the check.")
    for_: Any = Field(default=None, alias="for", description="Which targets.")
    fingerprint: Annotated[str, Field(pattern=PATTERN)] | None = Field(
        default=None,
        description="The one finding that it covers, as reports print it: what else is wrong is not covered.",
    )
    reason: Text = Field(description="Why the fail may stand.")
    approved_by: Text = Field(description="Who allowed it.")
    until: Day = Field(description="The last day on which it holds (UTC).")
    ticket: Text | None = Field(default=None, description="Where the work on it is tracked.")


class AttestationFile(_File):
    """A person's word about something that no API can answer; it stands beside an unknown."""

    check: Text = Field(description="The id of the check.")
    for_: Any = Field(alias="for", description="Which targets.")
    statement: Text = Field(description="What is attested.")
    by: Text = Field(description="Who attests it.")
    on: Day = Field(description="The day it was attested (UTC).")
    until: Day = Field(description="The last day on which it holds (UTC).")


class ScopeFile(_File):
    """What a run must be able to see; what it cannot is unknown."""

    clouds: dict[str, Annotated[list[Text], Field(min_length=1)] | None] | list[Text] | None = Field(
        default=None, description="Entries of clouds.yaml, each with its regions; or a list of them: all their regions."
    )


class LimitsFile(_File):
    """Bounds of what a run may do and a policy may say."""

    changed_targets: Count = Field(
        default=50, description="The most targets that one run may change; if a plan has more, nothing is applied."
    )
    waiver_days: Count = Field(default=366, description="How many days ahead a waiver may reach.")
    waiver_targets: Count = Field(
        default=20, description="A waiver that matches more targets than this is over-broad, and reported as such."
    )


class FixFile(_File):
    """Lowers what the command line grants to fixes; it never raises it."""

    ceiling: Literal["safe", "disruptive", "destructive"] = Field(
        default="destructive", description="The highest level of a step that a fix may take."
    )
    never: list[Text] = Field(default=[], description="Ids of checks that are never fixed.")


class ProveFile(_File):
    """How ``imagegate prove`` makes two servers from an image, and reaches them; its options go before."""

    flavor: Text | None = Field(default=None, description="The flavor, by name or id.")
    network: Text | None = Field(default=None, description="The id of the network that they are attached to.")
    key_name: Text | None = Field(default=None, description="The name of the key pair, as the compute API knows it.")
    user: Text | None = Field(default=None, description="Who logs in; else the image's property login_username.")
    volume_size: Annotated[int, Field(gt=0, strict=True)] | None = Field(
        default=None, description="Boot from volumes of so many GB, as flavors without a local disk need it."
    )
    address_from: Annotated[str, Field(pattern=r"^(addresses(:.+)?|metadata:.+)$")] | None = Field(
        default=None, description="Where the address is found: addresses, addresses:NETWORK or metadata:KEY."
    )
    ssh_port: Annotated[int, Field(ge=1, le=65535, strict=True)] | None = Field(default=None, description="SSH's port.")
    timeout_s: Annotated[float, Field(gt=0, le=7200)] | None = Field(
        default=None, description="How long booting may take until SSH answers, in seconds."
    )


class PolicyFile(_File):
    """The policy of golden images: which targets must meet which checks."""

    policy: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=100)] = Field(
        description="The policy's name: lower-case words with hyphens between them."
    )
    version: Annotated[int, Field(ge=0, strict=True)] = Field(description="Counted up by whoever changes the policy.")
    title: Text | None = Field(default=None, description="The policy's name for people.")
    scope: ScopeFile | None = Field(default=None, description="What a run must be able to see.")
    rules: list[RuleFile] = Field(min_length=1, description="Which targets must meet which checks.")
    audit: dict[str, Any] | None = Field(
        default=None, description="Parameters of checks that are judged once per audit, by id."
    )
    waivers: list[WaiverFile] | None = Field(default=None, description="Fails that may stand for a time.")
    attestations: list[AttestationFile] | None = Field(default=None, description="What people vouch for.")
    limits: LimitsFile | None = Field(default=None, description="Bounds.")
    fix: FixFile | None = Field(default=None, description="What fixes may do.")
    prove: ProveFile | None = Field(default=None, description="How an image is proven with two servers.")
    strict_rules: Annotated[bool, Field(strict=True)] = Field(
        default=False, description="A rule that matches no target is an error of a full audit."
    )


class _Schema(GenerateJsonSchema):
    """As the reader takes them: text may look like a number or a boolean."""

    def str_schema(self, schema: core_schema.StringSchema) -> JsonSchemaValue:
        result = super().str_schema(schema)
        return {**result, "type": ["string", "number", "boolean"]}


def policy_schema(checks: Mapping[str, Check]) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of policy files, with the parameters of these checks; deterministic."""
    schema = PolicyFile.model_json_schema(schema_generator=_Schema)
    definitions: dict[str, Any] = schema.pop("$defs")
    for kind in ATTRIBUTES:
        definitions[f"{kind}-selector"] = _attributes(kind)
    definitions["selector"] = {
        "description": "One kind of target, and the attributes that select them.",
        "oneOf": [_one_key(str(kind), f"#/$defs/{kind}-selector") for kind in ATTRIBUTES],
    }
    ordered = [checks[name] for name in sorted(checks)]
    for check in ordered:
        definitions.update(_parameters(check))
    judged = [check for check in ordered if requirable(check)]
    for shape in ("RuleFile", "WaiverFile", "AttestationFile"):
        definitions[shape]["properties"]["for"] = {"$ref": "#/$defs/selector"}
    meaning = definitions["RuleFile"]["properties"]["require"]["description"]
    definitions["RuleFile"]["properties"]["require"] = {"description": meaning, **_by_id(judged), "minProperties": 1}
    definitions["RuleFile"]["allOf"] = [_only(kind, judged) for kind in ATTRIBUTES]
    definitions["WaiverFile"]["anyOf"] = [{"required": ["for"]}, {"required": ["fingerprint"]}]
    definitions["WaiverFile"]["properties"]["check"]["enum"] = [check.id for check in judged]
    definitions["AttestationFile"]["properties"]["check"]["enum"] = [check.id for check in judged if check.attestable]
    definitions["FixFile"]["properties"]["never"]["items"] = {"enum": [check.id for check in ordered]}
    fleet = [check for check in ordered if not requirable(check)]
    schema["properties"]["audit"] = {**schema["properties"]["audit"], "anyOf": [_by_id(fleet), {"type": "null"}]}
    return {
        "$schema": DIALECT,
        **schema,
        "title": "imagegate policy",
        "$defs": dict(sorted(definitions.items())),
    }


def requirable(check: Check) -> bool:
    """Whether rules can require the check of a target; the others are judged once per audit."""
    return check.scope is Scope.TARGET and check.kind in ATTRIBUTES


def _one_key(key: str, reference: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {key: {"$ref": reference}},
        "required": [key],
        "additionalProperties": False,
    }


def _attributes(kind: Kind) -> dict[str, Any]:
    text: dict[str, Any] = {"type": ["string", "number", "boolean"]}
    value = {"anyOf": [text, {"type": "array", "items": text, "minItems": 1}]}
    return {
        "type": "object",
        "description": f"{{}} is every {kind}.",
        "properties": {name: {**value, "description": words} for name, words in ATTRIBUTES[kind].items()},
        "patternProperties": {rf"^{KEYED[kind]}\..": value},
        "additionalProperties": False,
    }


def params_schema(check: Check, template: str = "#/$defs/{model}") -> dict[str, Any]:
    """The JSON Schema of what a policy can say to a check; ``template`` is how it refers to its ``$defs``."""
    schema: dict[str, Any] = check.params.model_json_schema(schema_generator=_Schema, ref_template=template)
    return schema


def _parameters(check: Check) -> dict[str, Any]:
    own = params_schema(check, f"#/$defs/{check.id}.{{model}}")
    nested = own.pop("$defs", {})
    own["title"] = check.title
    return {check.id: own, **{f"{check.id}.{name}": value for name, value in nested.items()}}


def _by_id(checks: Iterable[Check]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for check in checks:
        needed = any(field.is_required() for field in check.params.model_fields.values())
        shapes = [{"$ref": f"#/$defs/{check.id}"}, *([] if needed else [{"type": "null"}])]
        properties[check.id] = {"description": check.title, "anyOf": shapes}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _only(kind: Kind, checks: Iterable[Check]) -> dict[str, Any]:
    """With a selector of this kind, only checks of this kind."""
    fitting = [check.id for check in checks if check.kind is kind]
    return {
        "if": {"properties": {"for": {"required": [str(kind)]}}, "required": ["for"]},
        "then": {"properties": {"require": {"propertyNames": {"enum": fitting}}}},
    }
