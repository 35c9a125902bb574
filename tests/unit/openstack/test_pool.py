"""The requests session: what it leaves out, and what it must not."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from imagegate.transports.openstack.pool import Counter, PooledSession


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.seen.append((self.path, dict(self.headers)))
        self.send_response(302 if self.path.endswith("/away") else 200)
        self.send_header("Location", "/elsewhere")
        self.send_header("Set-Cookie", "sticky=1")
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"body")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, body))
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.seen = []
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def session():
    with PooledSession(Counter(), 2) as session:
        yield session


def test_headers_of_the_call_stand_over_those_of_the_session(server, session):
    session.get(server.url, headers={"user-agent": "imagegate", "X-Auth-Token": "t"})
    headers = server.seen[0][1]
    assert [value for name, value in headers.items() if name.lower() == "user-agent"] == ["imagegate"]
    assert headers["X-Auth-Token"] == "t"
    assert "gzip" in headers["Accept-Encoding"]


def test_parameters_and_bodies_arrive(server, session):
    assert session.get(f"{server.url}/a", params={"b": "c"}).text == "body"
    assert session.post(f"{server.url}/d", json={"e": 1}).status_code == 201
    assert session.post(f"{server.url}/f", data=b"g").status_code == 201
    assert [server.seen[0][0], *server.seen[1:]] == ["/a?b=c", ("/d", b'{"e": 1}'), ("/f", b"g")]


def test_redirects_are_not_followed_and_cookies_not_kept(server, session):
    assert session.get(f"{server.url}/away").status_code == 302
    session.get(server.url)
    assert [path for path, _ in server.seen] == ["/away", "/"]
    assert "Cookie" not in server.seen[1][1]


def test_netrc_is_not_read(server, session, monkeypatch, tmp_path):
    tmp_path.joinpath(".netrc").write_text("default login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    session.get(server.url)
    assert "Authorization" not in server.seen[0][1]


def test_the_proxy_of_the_environment_is_used(server, session, monkeypatch):
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert session.get("http://cloud.invalid/v2/images").text == "body"
    assert server.seen[0][0] == "http://cloud.invalid/v2/images"
