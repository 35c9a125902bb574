# mypy: ignore-errors
"""Make Keystone's database and fill it: seed_keystone.py CONFIG PLAN.

PLAN is a JSON file: {"regions": [...], "projects": {NAME: USER}, "endpoints": [[type, name, region]]}.
Prints {"projects": {NAME: ID}} as JSON on the last line. Runs once per template, in one process: most
of Keystone's start-up time is its imports. Passwords and endpoint addresses are placeholders here; every
sandbox gets its own when it starts.
"""

import json
import pathlib
import secrets
import sys
import uuid

config, plan_file = sys.argv[1:3]
sys.argv = ["seed"]

import keystone.conf
from keystone.cmd import bootstrap
from keystone.common import provider_api, sql
from keystone.common.sql import upgrades

PROVIDERS = provider_api.ProviderAPIs
PLACEHOLDER = "http://127.0.0.1:1/"
INTERFACES = ("public", "internal", "admin")


def _bootstrap(region):
    """Domain, roles, the cloud admin and the identity service, as `keystone-manage bootstrap` does."""
    strapper = bootstrap.Bootstrapper()
    strapper.admin_username = strapper.project_name = "admin"
    strapper.admin_role_name = "admin"
    strapper.admin_password = secrets.token_urlsafe(24)
    strapper.region_id = region
    strapper.service_name = "keystone"
    strapper.public_url = strapper.internal_url = strapper.admin_url = PLACEHOLDER
    strapper.bootstrap()
    return strapper


def _add_project(name, user, roles):
    project_id = uuid.uuid4().hex
    PROVIDERS.resource_api.create_project(
        project_id,
        {
            "id": project_id,
            "name": name,
            "domain_id": "default",
            "enabled": True,
            "description": f"imagegate sandbox project {name}",
        },
    )
    created = PROVIDERS.identity_api.create_user(
        {
            "name": user,
            "domain_id": "default",
            "enabled": True,
            "password": secrets.token_urlsafe(24),
            "default_project_id": project_id,
        }
    )
    for role in roles:
        PROVIDERS.assignment_api.add_role_to_user_and_project(
            user_id=created["id"], project_id=project_id, role_id=role
        )
    return project_id


def _add_endpoints(wanted):
    services = {item["type"]: item["id"] for item in PROVIDERS.catalog_api.list_services()}
    present = {
        (item["service_id"], item["region_id"], item["interface"]) for item in PROVIDERS.catalog_api.list_endpoints()
    }
    for kind, name, region in wanted:
        if kind not in services:
            service = {"id": uuid.uuid4().hex, "type": kind, "name": name, "enabled": True}
            PROVIDERS.catalog_api.create_service(service["id"], service)
            services[kind] = service["id"]
        for interface in INTERFACES:
            if (services[kind], region, interface) in present:
                continue
            endpoint = {
                "id": uuid.uuid4().hex,
                "service_id": services[kind],
                "region_id": region,
                "interface": interface,
                "url": PLACEHOLDER,
                "enabled": True,
            }
            PROVIDERS.catalog_api.create_endpoint(endpoint["id"], endpoint)


def main():
    """Migrate, bootstrap, and add what the plan lists."""
    plan = json.loads(pathlib.Path(plan_file).read_text())
    keystone.conf.configure()
    sql.initialize()
    keystone.conf.CONF(args=[], project="keystone", default_config_files=[config])
    upgrades.offline_sync_database_to_version()
    first, *others = plan["regions"]
    strapper = _bootstrap(first)
    for region in others:
        PROVIDERS.catalog_api.create_region({"id": region})
    _add_endpoints(plan["endpoints"])
    roles = (strapper.member_role_id, strapper.reader_role_id)
    projects = {name: _add_project(name, user, roles) for name, user in plan["projects"].items()}
    projects["admin"] = strapper.project_id
    print(json.dumps({"projects": projects}))


main()
