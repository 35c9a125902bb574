"""The clouds.yaml of a sandbox."""

from __future__ import annotations

import json
from collections.abc import Mapping

from imagegate.sandbox.layout import ADMIN, OWNER, PROJECTS, REGIONS


def clouds_yaml(port: int, projects: Mapping[str, str], passwords: Mapping[str, str]) -> str:
    """The text of clouds.yaml: ``sandbox`` logs in as NHN Cloud has it (v2.0), the others over v3."""
    address = f"http://127.0.0.1:{port}"
    clouds: dict[str, object] = {
        "sandbox": {
            "auth_type": "v2password",
            "identity_api_version": "2.0",
            "auth": {
                "auth_url": f"{address}/v2.0",
                "tenant_id": projects[OWNER],
                "username": OWNER,
                "password": passwords[OWNER],
            },
            "regions": list(REGIONS),
        }
    }
    others = {"sandbox-v3": OWNER, "sandbox-admin": ADMIN, **{f"sandbox-{name}": name for name in PROJECTS[1:]}}
    for name, project in others.items():
        clouds[name] = {
            "auth_type": "password",
            "identity_api_version": "3",
            "auth": {
                "auth_url": f"{address}/v3",
                "project_id": projects[project],
                "username": project,
                "password": passwords[project],
                "user_domain_id": "default",
            },
            "regions": list(REGIONS),
        }
    return "clouds:\n" + _block(clouds, 1)


def _block(mapping: Mapping[str, object], depth: int) -> str:
    """A mapping as YAML; text is quoted as JSON does, which YAML reads the same way."""
    lines = []
    for key, value in mapping.items():
        if isinstance(value, Mapping):
            lines.append(f"{'  ' * depth}{key}:\n{_block(value, depth + 1)}")
        else:
            lines.append(f"{'  ' * depth}{key}: {json.dumps(value)}\n")
    return "".join(lines)
