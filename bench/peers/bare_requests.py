"""The least that a script with requests has to do for the same verdicts: log in, page, ask for members, compare.

No retries, no deadlines, no report. ``python bare_requests.py THREADS``; the account is in ``BENCH_*`` variables.
"""

import hashlib
import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import requests

local = threading.local()
lock = threading.Lock()
sent = 0


def ask(method: str, url: str, token: str | None, body: object = None) -> dict:
    global sent  # noqa: PLW0603
    if not hasattr(local, "session"):
        local.session = requests.Session()
    headers = {"X-Auth-Token": token} if token else {}
    answer = local.session.request(method, url, json=body, headers=headers, timeout=60)
    answer.raise_for_status()
    with lock:
        sent += 1
    return answer.json()


def log_in() -> tuple[str, str, str]:
    env = os.environ
    tenant = env["BENCH_TENANT_ID"]
    account = {"username": env["BENCH_USERNAME"], "password": env["BENCH_PASSWORD"]}
    body = {"auth": {"tenantId": tenant, "passwordCredentials": account}}
    access = ask("POST", f"{env['BENCH_AUTH_URL']}/tokens", None, body)["access"]
    urls = [
        endpoint["publicURL"]
        for service in access["serviceCatalog"]
        if service["type"] == "image"
        for endpoint in service["endpoints"]
        if endpoint["region"] == env["BENCH_REGION"]
    ]
    return access["token"]["id"], urls[0].rstrip("/").removesuffix("/v2"), tenant


def list_images(root: str, token: str) -> dict[str, dict]:
    """The same pages that imagegate asks for: oldest first, then what is hidden."""
    found: dict[str, dict] = {}
    for first in ("sort_key=created_at&sort_dir=asc", "os_hidden=true"):
        path: str | None = f"/v2/images?limit=1000&{first}&member_status=all"
        while path:
            page = ask("GET", root + path, token)
            found.update((image["id"], image) for image in page["images"])
            path = page.get("next")
    return found


def main() -> None:
    threads = int(sys.argv[1])
    allowed = set(os.environ["BENCH_ALLOWED"].split(","))
    token, root, project = log_in()
    images = list_images(root, token)

    def members(ident: str) -> list[dict]:
        return ask("GET", f"{root}/v2/images/{ident}/members", token)["members"]

    shared = [i["id"] for i in images.values() if i["visibility"] == "shared" and i["owner"] == project]
    if threads == 1:
        rows = {ident: members(ident) for ident in shared}
    else:
        with ThreadPoolExecutor(threads) as pool:
            rows = dict(zip(shared, pool.map(members, shared), strict=True))
    verdicts = []
    for ident, image in images.items():
        verdicts.append(("catalog-image-protected", ident, "pass" if image["protected"] else "fail"))
        strangers = {row["member_id"] for row in rows.get(ident, ())} - allowed - {image["owner"]}
        fails = image["visibility"] in {"public", "community"} or strangers
        verdicts.append(("catalog-members-allowed", ident, "fail" if fails else "pass"))
    counts = {verdict: sum(1 for line in verdicts if line[2] == verdict) for verdict in ("pass", "fail")}
    text = "\n".join(sorted(" ".join(line) for line in verdicts))
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    print(json.dumps({"requests": sent, "verdicts": digest, "counts": counts}))


main()
