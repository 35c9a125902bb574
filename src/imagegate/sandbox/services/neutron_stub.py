# mypy: ignore-errors
"""A stand-in for Neutron: the few empty lists Nova asks for when servers have no network (WSGI)."""

import json

_DEFAULT_GROUP = {
    "id": "00000000-0000-4000-8000-000000000001",
    "name": "default",
    "security_group_rules": [],
}
_LISTS = {
    "extensions": [],
    "networks": [],
    "ports": [],
    "subnets": [],
    "floatingips": [],
    "routers": [],
    "security-groups": [_DEFAULT_GROUP],
}


def _body(path, host):
    if path == "":
        link = {"rel": "self", "href": f"http://{host}/v2.0/"}
        return {"versions": [{"id": "v2.0", "status": "CURRENT", "links": [link]}]}
    if path.startswith("/v2.0/quotas"):
        return {"quota": {"port": -1, "network": -1, "security_group": -1}}
    name = path.removeprefix("/v2.0/")
    if path.startswith("/v2.0/") and name in _LISTS:
        return {name.replace("-", "_"): _LISTS[name]}
    return None


def application(environ, start_response):
    """Answer Nova's questions; everything else does not exist here."""
    path = environ["PATH_INFO"].rstrip("/").removesuffix(".json")
    body = _body(path, environ["HTTP_HOST"])
    status = "200 OK" if body is not None else "404 Not Found"
    if body is None:
        body = {"NeutronError": {"message": "The sandbox has no Neutron: this is a stub."}}
    data = json.dumps(body).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(data)))]
    start_response(status, headers)
    return [data]
