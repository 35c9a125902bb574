# mypy: ignore-errors
"""Make Nova's databases, its two cells and its flavors: seed_nova.py CONFIG PLAN.

PLAN is a JSON file: {"cells": {"cell0": URL, "cell1": URL}, "flavors": [[name, vcpus, MiB, GiB], ...]}.
The caller copies the migrated cell1 database to cell0's place: the schema is the same.
"""

import json
import os
import pathlib
import sys

config, plan_file = sys.argv[1:3]
os.environ["OS_NOVA_DISABLE_EVENTLET_PATCHING"] = "1"
sys.argv = ["seed", "--config-file", config]

import nova.conf
from nova import config as nova_config
from nova import context, objects
from nova.db import migration
from oslo_utils import uuidutils


def _add_cell(ctxt, name, database):
    first = name == "cell0"
    objects.CellMapping(
        ctxt,
        name=name,
        uuid=objects.CellMapping.CELL0_UUID if first else uuidutils.generate_uuid(),
        transport_url="none:///" if first else nova.conf.CONF.transport_url,
        database_connection=database,
        disabled=False,
    ).create()


def main():
    """Migrate, and add the cells and flavors the plan lists."""
    plan = json.loads(pathlib.Path(plan_file).read_text())
    nova_config.parse_args(sys.argv)
    objects.register_all()
    migration.db_sync(database="api")
    migration.db_sync(database="main")
    ctxt = context.get_admin_context()
    for name, database in plan["cells"].items():
        _add_cell(ctxt, name, database)
    for name, vcpus, memory, disk in plan["flavors"]:
        objects.Flavor(
            ctxt,
            name=name,
            flavorid=uuidutils.generate_uuid(),
            vcpus=vcpus,
            memory_mb=memory,
            root_gb=disk,
            ephemeral_gb=0,
            swap=0,
            rxtx_factor=1.0,
            disabled=False,
            is_public=True,
        ).create()


main()
