# mypy: ignore-errors
"""Keystone (v3) with the Identity v2.0 requests in front of it that NHN Cloud offers (WSGI).

Upstream removed v2.0. POST /v2.0/tokens becomes a v3 password request to the Keystone of this very
process and its answer is rewritten in the v2.0 shape; the token handed out is Keystone's own, so Glance
and Nova validate it over v3 as usual. Everything else reaches Keystone untouched.
"""

import io
import json

from keystone.wsgi.api import application as keystone

_UNAUTHORIZED = "The request you have made requires authentication."
_MALFORMED = (
    "Expecting to find {}. The server could not comply with the request since it is either malformed or"
    " otherwise incorrect. The client is assumed to be in error."
)
_JSON_BODY = "application/json"


class _BadRequest(Exception):
    """A request body without the part that the message names."""


def _ask_v3(environ, method, path, body=None, token=None):
    """Put one v3 request to the Keystone in this process: (status line, headers, JSON)."""
    data = json.dumps(body).encode() if body is not None else b""
    inner = {
        key: value
        for key, value in environ.items()
        if key.startswith(("SERVER_", "REMOTE_", "wsgi.")) or key == "HTTP_HOST"
    }
    inner.update(
        {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "CONTENT_TYPE": _JSON_BODY,
            "CONTENT_LENGTH": str(len(data)),
            "wsgi.input": io.BytesIO(data),
        }
    )
    if token:
        inner["HTTP_X_AUTH_TOKEN"] = token
    answer = {}

    def start_response(status, headers, exc_info=None):
        answer["status"] = status
        answer["headers"] = {name.lower(): value for name, value in headers}

    chunks = keystone(inner, start_response)
    try:
        raw = b"".join(chunks)
    finally:
        if hasattr(chunks, "close"):
            chunks.close()
    return answer["status"], answer["headers"], json.loads(raw or b"{}")


def _answer(start_response, status, body, headers=()):
    data = json.dumps(body).encode()
    start_response(
        status,
        [
            ("Content-Type", _JSON_BODY),
            ("Vary", "X-Auth-Token"),
            ("Content-Length", str(len(data))),
            *headers,
        ],
    )
    return [data]


def _error(start_response, code, title, message, headers=()):
    body = {"error": {"code": code, "title": title, "message": message}}
    return _answer(start_response, f"{code} {title}", body, headers)


def _catalog(services):
    """A v3 catalog in the v2.0 shape: one endpoint per region, its interfaces side by side."""
    listed = []
    for service in services:
        regions = {}
        for endpoint in service["endpoints"]:
            region = endpoint["region"]
            entry = regions.setdefault(region, {"region": region, "id": endpoint["id"]})
            entry[f"{endpoint['interface']}URL"] = endpoint["url"]
        listed.append(
            {
                "type": service["type"],
                "name": service["name"],
                "endpoints": list(regions.values()),
                "endpoints_links": [],
            }
        )
    return listed


def _part(value, key, description):
    if not isinstance(value, dict) or key not in value:
        raise _BadRequest(description)
    return value[key]


def _v3_request(environ):
    """The v3 body that asks for what this v2.0 token request asks for."""
    size = int(environ.get("CONTENT_LENGTH") or 0)
    try:
        body = json.loads(environ["wsgi.input"].read(size))
    except ValueError:
        raise _BadRequest("valid JSON in request body") from None
    auth = _part(body, "auth", "auth in request body")
    if isinstance(auth, dict) and "passwordCredentials" in auth:
        missing = "password in passwordCredentials"
        credentials = auth["passwordCredentials"]
        user = {
            "name": _part(credentials, "username", missing),
            "password": _part(credentials, "password", missing),
            "domain": {"id": "default"},
        }
        identity = {"methods": ["password"], "password": {"user": user}}
    else:
        missing = "password in passwordCredentials"
        token = _part(_part(auth, "token", missing), "id", missing)
        identity = {"methods": ["token"], "token": {"id": token}}
    request = {"auth": {"identity": identity}}
    if auth.get("tenantId"):
        request["auth"]["scope"] = {"project": {"id": auth["tenantId"]}}
    elif auth.get("tenantName"):
        project = {"name": auth["tenantName"], "domain": {"id": "default"}}
        request["auth"]["scope"] = {"project": project}
    return request


def _access(token, token_id):
    """A v3 token body in the v2.0 shape."""
    listed = {
        "id": token_id,
        "expires": token["expires_at"],
        "issued_at": token["issued_at"],
        "audit_ids": token["audit_ids"],
    }
    if "project" in token:
        project = token["project"]
        listed["tenant"] = {
            "id": project["id"],
            "name": project["name"],
            "enabled": True,
            "description": "",
        }
    roles = token.get("roles", [])
    user = token["user"]
    return {
        "access": {
            "token": listed,
            "serviceCatalog": _catalog(token.get("catalog", [])),
            "user": {
                "id": user["id"],
                "name": user["name"],
                "username": user["name"],
                "roles": [{"name": role["name"]} for role in roles],
                "roles_links": [],
            },
            "metadata": {"is_admin": 0, "roles": [role["id"] for role in roles]},
        }
    }


def _tokens(environ, start_response):
    try:
        request = _v3_request(environ)
    except _BadRequest as missing:
        return _error(start_response, 400, "Bad Request", _MALFORMED.format(missing))
    status, headers, body = _ask_v3(environ, "POST", "/v3/auth/tokens", request)
    if status[:3] in ("401", "403", "404"):  # the last Keystone with v2.0 answered 401 to all three
        challenge = ("WWW-Authenticate", f'Keystone uri="http://{environ["HTTP_HOST"]}"')
        return _error(start_response, 401, "Unauthorized", _UNAUTHORIZED, [challenge])
    if not status.startswith("201"):
        return _answer(start_response, status, body)
    return _answer(start_response, "200 OK", _access(body["token"], headers["x-subject-token"]))


def _tenants(environ, start_response):
    token = environ.get("HTTP_X_AUTH_TOKEN")
    status, _, body = _ask_v3(environ, "GET", "/v3/auth/projects", token=token)
    if not status.startswith("200"):
        return _answer(start_response, status, body)
    tenants = [{key: project[key] for key in ("id", "name", "enabled", "description")} for project in body["projects"]]
    return _answer(start_response, status, {"tenants_links": [], "tenants": tenants})


def _version(environ, start_response):
    version = {
        "id": "v2.0",
        "status": "deprecated",
        "updated": "2014-04-17T00:00:00Z",
        "links": [{"rel": "self", "href": f"http://{environ['HTTP_HOST']}/v2.0/"}],
        "media-types": [{"base": _JSON_BODY, "type": "application/vnd.openstack.identity-v2.0+json"}],
    }
    return _answer(start_response, "200 OK", {"version": version})


_ROUTES = {
    ("POST", "/v2.0/tokens"): _tokens,
    ("GET", "/v2.0/tenants"): _tenants,
    ("GET", "/v2.0"): _version,
}


def application(environ, start_response):
    """Keystone with /v2.0 in front."""
    path = environ.get("PATH_INFO", "").rstrip("/")
    handler = _ROUTES.get((environ["REQUEST_METHOD"], path))
    if handler is not None:
        return handler(environ, start_response)
    if path == "/v2.0" or path.startswith("/v2.0/"):
        url = f"http://{environ['HTTP_HOST']}{environ['PATH_INFO']}"
        message = f"({url}): The resource could not be found."
        return _error(start_response, 404, "Not Found", message)
    return keystone(environ, start_response)
