"""Which cloud the environment chooses; cheap enough to ask in every run."""

from __future__ import annotations

import os
from collections.abc import Mapping

_SELECTORS = frozenset(
    {"OS_CLOUD", "OS_REGION_NAME", "OS_CLIENT_CONFIG_FILE", "OS_CLIENT_SECURE_FILE", "OS_CLOUD_NAME"}
)
"""Variables that choose a cloud, but do not make one (openstacksdk: ``OpenStackConfig._get_os_environ``)."""
_FOREIGN = ("OS_TEST", "OS_STD", "OS_LOG")


def default_cloud(environment: Mapping[str, str] | None = None) -> str | None:
    """The cloud that the environment chooses: ``OS_CLOUD``, or the one that other ``OS_*`` variables describe.

    None if there is neither. Imports nothing and opens no file.
    """
    env = os.environ if environment is None else environment
    if env.get("OS_CLOUD"):
        return env["OS_CLOUD"]
    own = [key for key in env if key.startswith("OS_") and not key.startswith(_FOREIGN) and key not in _SELECTORS]
    return env.get("OS_CLOUD_NAME", "envvars") if own else None
