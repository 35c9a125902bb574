"""The configuration files of the sandbox's services."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from imagegate.sandbox.layout import ADMIN, BLOCK_STORAGE, GLANCES, NOVA_REGION, database_url, image_store

_PASTE = """\
[composite:glance-api]
paste.composite_factory = glance.api:root_app_factory
/: api
/healthcheck: healthcheck
[pipeline:api]
pipeline = versionnegotiation authtoken context rootapp
[composite:rootapp]
paste.composite_factory = glance.api:root_app_factory
/: apiversions
/v2: apiv2app
[app:apiversions]
paste.app_factory = glance.api.versions:create_resource
[app:apiv2app]
paste.app_factory = glance.api.v2.router:API.factory
[app:healthcheck]
paste.app_factory = oslo_middleware:Healthcheck.app_factory
[filter:versionnegotiation]
paste.filter_factory = glance.api.middleware.version_negotiation:VersionNegotiationFilter.factory
[filter:context]
paste.filter_factory = glance.api.middleware.context:ContextMiddleware.factory
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
delay_auth_decision = true
"""

_NOVA_POLICY = """\
# Flavors without a disk of their own boot from images too: block storage is only there for whoever asks for it.
"os_compute_api:servers:create:zero_disk_flavor": "role:member"
"""


def endpoints(ports: Mapping[str, int]) -> list[tuple[str, str, str, str]]:
    """The service catalog: type, name, region, address."""

    def url(service: str, path: str = "") -> str:
        return f"http://127.0.0.1:{ports.get(service, 1)}{path}"

    listed = [("identity", "keystone", region, url("keystone", "/v3")) for region in GLANCES.values()]
    listed += [("image", "glance", region, url(service)) for service, region in GLANCES.items()]
    listed += [
        ("compute", "nova", NOVA_REGION, url("nova", "/v2.1")),
        ("placement", "placement", NOVA_REGION, url("placement")),
        ("network", "neutron", NOVA_REGION, url("neutron")),
        ("volumev3", "cinder", NOVA_REGION, url(BLOCK_STORAGE, "/v3/$(project_id)s")),
    ]
    return listed


def service_of_endpoint(kind: str, region: str) -> str:
    """The sandbox service behind an endpoint of the catalog."""
    if kind == "image":
        return next(service for service, served in GLANCES.items() if served == region)
    served = {"identity": "keystone", "compute": "nova", "placement": "placement", "network": "neutron"}
    return {**served, "volumev3": BLOCK_STORAGE}[kind]


def files(service: str, root: Path, ports: Mapping[str, int], admin_password: str) -> dict[str, str]:
    """The configuration files of one service: name and text."""
    folder = root / service
    if service in GLANCES:
        return {
            "glance-api.conf": _glance(service, root, ports, admin_password),
            "glance-api-paste.ini": _PASTE,
        }
    if service == "keystone":
        return {"keystone.conf": _keystone(root)}
    if service == "placement":
        return {
            "placement.conf": _default(folder)
            + _database("placement_database", database_url(root, service, "placement"))
            + _token_check(ports, admin_password)
        }
    if service == "nova":
        return {"nova.conf": _nova(root, ports, admin_password), "policy.yaml": _NOVA_POLICY}
    if service == BLOCK_STORAGE:
        return {"cinder.conf": _cinder(root, ports, admin_password)}
    return {}


def environment(service: str, root: Path) -> dict[str, str]:
    """The environment variables by which a service finds its configuration."""
    folder = str(root / service)
    if service in GLANCES:
        return {"OS_GLANCE_CONFIG_DIR": folder}
    return {
        "keystone": {"OS_KEYSTONE_CONFIG_FILES": f"{folder}/keystone.conf"},
        "placement": {"OS_PLACEMENT_CONFIG_DIR": folder},
        "nova": {"OS_NOVA_CONFIG_DIR": folder},
        BLOCK_STORAGE: {"SANDBOX_CINDER_CONFIG": f"{folder}/cinder.conf"},
    }.get(service, {})


def _default(folder: Path, more: str = "") -> str:
    return f"[DEFAULT]\nlog_file = {folder}/service.log\n{more}"


def _database(section: str, url: str) -> str:
    return f"[{section}]\nconnection = {url}\nsqlite_synchronous = false\n"


def _credentials(ports: Mapping[str, int], password: str) -> str:
    return (
        f"auth_url = http://127.0.0.1:{ports['keystone']}/v3\nauth_type = password\n"
        f"username = {ADMIN}\npassword = {password}\nproject_name = {ADMIN}\n"
        "user_domain_id = default\nproject_domain_id = default\n"
    )


def _token_check(ports: Mapping[str, int], password: str) -> str:
    return (
        f"[keystone_authtoken]\nwww_authenticate_uri = http://127.0.0.1:{ports['keystone']}\n"
        f"{_credentials(ports, password)}service_token_roles_required = false\n"
    )


def _keystone(root: Path) -> str:
    folder = root / "keystone"
    return (
        _default(folder)
        + _database("database", database_url(root, "keystone", "keystone"))
        + f"[token]\nprovider = fernet\nexpiration = 86400\n[fernet_tokens]\nkey_repository = {folder}/fernet\n"
        + f"[fernet_receipts]\nkey_repository = {folder}/fernet\n"
        + f"[credential]\nkey_repository = {folder}/credential\n"
        + "[identity]\npassword_hash_rounds = 4\n[cache]\nenabled = true\nbackend = dogpile.cache.memory\n"
    )


def _glance(service: str, root: Path, ports: Mapping[str, int], password: str) -> str:
    folder = root / service
    return (
        _default(
            folder,
            "enabled_backends = fs:file\nenabled_import_methods = [glance-direct,web-download,copy-image]\n"
            f"worker_self_reference_url = http://127.0.0.1:{ports[service]}\n",
        )
        + _database("database", database_url(root, service, "glance"))
        + f"[glance_store]\ndefault_backend = fs\n[fs]\nfilesystem_store_datadir = {image_store(root, service)}\n"
        + f"[os_glance_staging_store]\nfilesystem_store_datadir = {folder}/staging\n"
        + f"[os_glance_tasks_store]\nfilesystem_store_datadir = {folder}/tasks\n"
        + f"[paste_deploy]\nconfig_file = {folder}/glance-api-paste.ini\n"
        + _token_check(ports, password)
    )


def _nova(root: Path, ports: Mapping[str, int], password: str) -> str:
    folder = root / "nova"
    credentials = _credentials(ports, password)
    clients = "".join(f"[{name}]\nregion_name = {NOVA_REGION}\n{credentials}" for name in ("placement", "neutron"))
    return (
        _default(
            folder,
            f"state_path = {folder}/state\nhost = sandbox-compute\nmy_ip = 127.0.0.1\ntransport_url = fake://\n"
            "compute_driver = fake.SandboxDriver\nconcurrency_backend = threading\n",
        )
        + _database("api_database", database_url(root, "nova", "nova_api"))
        + _database("database", database_url(root, "nova", "nova"))
        + f"[oslo_concurrency]\nlock_path = {folder}/lock\n"
        + f"[oslo_policy]\npolicy_file = {folder}/policy.yaml\n"
        + "[quota]\ninstances = -1\ncores = -1\nram = -1\n"
        + f"[glance]\napi_servers = http://127.0.0.1:{ports[f'glance-{NOVA_REGION}']}\n"
        + _token_check(ports, password)
        + clients
        + f"[cinder]\nos_region_name = {NOVA_REGION}\n{credentials}"
        + (f"[service_user]\nsend_service_user_token = true\n{credentials}" if BLOCK_STORAGE in ports else "")
    )


def _cinder(root: Path, ports: Mapping[str, int], password: str) -> str:
    folder = root / BLOCK_STORAGE
    return (
        _default(
            folder,
            f"state_path = {folder}/state\nhost = sandbox\nmy_ip = 127.0.0.1\ntransport_url = fake://\n"
            f"api_paste_config = {folder}/api-paste.ini\nresource_query_filters_file = {folder}/resource_filters.json\n"
            f"glance_api_servers = http://127.0.0.1:{ports[f'glance-{NOVA_REGION}']}\n"
            "enabled_backends = files\nenable_force_upload = true\nscheduler_driver_init_wait_time = 1\n"
            "quota_volumes = -1\nquota_gigabytes = -1\n"
            "service_down_time = 1000000000\n",  # one process: while it answers it is up, whatever its heartbeats say
        )
        + "[files]\nvolume_driver = cinder_driver.SandboxVolumeDriver\nvolume_backend_name = files\n"
        + _database("database", database_url(root, BLOCK_STORAGE, "cinder"))
        + f"[oslo_concurrency]\nlock_path = {folder}/lock\n[coordination]\nbackend_url = file://{folder}/lock\n"
        + _token_check(ports, password)
        + f"service_token_roles = {ADMIN}\n"  # Cinder lets Nova alone detach volumes of servers, by its service token
    )
