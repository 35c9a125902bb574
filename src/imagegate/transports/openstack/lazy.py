"""openstacksdk's configuration loader, without the rest of openstacksdk.

``import openstack.config`` runs ``openstack/__init__.py``, which imports the proxies of every service: 0.12 s of CPU
(0.35 s where no bytecode is kept) and 10 MB with openstacksdk 4.22, for classes that nobody here uses. The package is
therefore registered unexecuted, the one subpackage is imported, and ``openstack/__init__.py`` runs as soon as anybody
asks for a name that only it defines.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from types import ModuleType
from typing import Any

_lock = threading.Lock()


def config_loader() -> Any:
    """The module ``openstack.config.loader``; ImportError where openstacksdk is not installed."""
    with _lock:
        registered = "openstack" not in sys.modules and _register()
        try:
            return importlib.import_module("openstack.config.loader")
        except (ImportError, AttributeError):
            if not registered:
                raise
            # another openstacksdk may need its package executed first
            for name in [name for name in sys.modules if name == "openstack" or name.startswith("openstack.")]:
                del sys.modules[name]
            return importlib.import_module("openstack.config.loader")


def _register() -> bool:
    spec = importlib.util.find_spec("openstack")
    if spec is None or spec.loader is None or not spec.submodule_search_locations:
        return False
    loader = spec.loader
    module = importlib.util.module_from_spec(spec)

    def missing(name: str) -> Any:
        """PEP 562: a submodule, else what ``openstack/__init__.py`` defines."""
        if name.startswith("__"):
            raise AttributeError(f"module 'openstack' has no attribute {name!r}")
        full = f"openstack.{name}"
        try:
            return importlib.import_module(full)
        except ModuleNotFoundError as error:
            if error.name != full:
                raise
        if vars(module).pop("__getattr__", None) is not None:
            loader.exec_module(module)
        return _attribute(module, name)

    vars(module)["__getattr__"] = missing
    sys.modules["openstack"] = module
    return True


def _attribute(module: ModuleType, name: str) -> Any:
    try:
        return vars(module)[name]
    except KeyError:
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}") from None
