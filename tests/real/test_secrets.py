"""Passwords and tokens turn up in nothing that a run prints, writes, logs or starts, whatever goes wrong.

The guests' part (machine ids, contents of identity files) uses the same search: ``support.Secrets``.
"""

import base64
import itertools
import json
from pathlib import Path
from urllib.parse import quote

import pytest
from ruamel.yaml import YAML
from tests.real.support import MEMBERS, PROTECTED, Proxy, Secrets, User, imagegate, rerouted, write_policy

from imagegate.sandbox import layout, net

pytestmark = pytest.mark.real

NUMBERS = itertools.count()
LOUD = ("-vv", "-rA", "--showlocals", "--tb=long", "--log-level=DEBUG", "--log-file=debug.log")
LOUDEST = (*LOUD, "-o", "log_cli=true", "--log-cli-level=DEBUG", "--capture=no", "--junitxml=junit-of-pytest.xml")


@pytest.mark.parametrize("form", ["plain", "hex", "HEX", "base64", "basic", "url", "json", "html", "utf-16", "argv"])
def test_the_search_finds_what_is_there(form, tmp_path):
    """The search itself, or else all that follows would prove nothing."""
    value = 'p"ä&ss w0rd-<7f3a'
    secrets = Secrets()
    secrets.plant("a password", value)
    text = {
        "plain": value,
        "hex": value.encode().hex(),
        "HEX": value.encode().hex().upper(),
        "base64": base64.b64encode(value.encode()).decode(),
        "basic": base64.b64encode(f"golden:{value}".encode()).decode(),
        "url": quote(value, safe=""),
        "json": json.dumps({"x": value}),
        "html": "p&quot;ä&amp;ss w0rd-&lt;7f3a",
        "utf-16": value.encode("utf-16-le").decode("utf-8", "surrogateescape"),
        "argv": f"--password\0{value}\0",
    }[form]
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "file.bin").write_bytes(b"\xff\x00before " + text.encode("utf-8", "surrogateescape") + b" after")
    leaks = secrets.leaks_in_files(tmp_path)
    assert leaks
    assert value not in str(leaks)
    (deep / "file.bin").write_text(value[:-1])
    assert secrets.leaks_in_files(tmp_path) == []


@pytest.fixture
def secrets(cloud):
    """All passwords of the sandbox, and everything that looks like a token."""
    found = Secrets()
    for user, password in json.loads((cloud.root / layout.SECRETS).read_text()).items():
        found.plant(f"the password of {user}", password)
    found.forbid("a Fernet token", rb"gAAAAA[A-Za-z0-9_=-]{16}")
    return found


class Place:
    """A folder in which imagegate runs; its home and temporary folder are in there too, so that all is searched."""

    def __init__(self, box, folder, secrets):
        self.box, self.folder, self.secrets = box, folder / "work", secrets
        self.folder.mkdir()
        self.prefix = f"secret{next(NUMBERS)}"
        self.config = folder / "config"
        self.config.mkdir()
        self.clouds = self.config / "clouds.yaml"
        self.environment = {
            name: secrets.plant(f"${name}", f"planted-{name.lower()}-5Qz+/x9=")
            for name in ("WINRM_PASSWORD", "AWS_SECRET_ACCESS_KEY", "VAULT_TOKEN", "SSHPASS")
        }
        for name, at in {"HOME": "home", "TMPDIR": "tmp"}.items():
            (self.folder / at).mkdir()
            self.environment[name] = str(self.folder / at)
        self.configure()

    def configure(self, **passwords):
        """clouds.yaml with a planted entry beside the others, and the password of ``sandbox`` in secure.yaml."""
        yaml = YAML()
        config = yaml.load(self.box.clouds_yaml.read_text())
        planted = self.secrets.plant("the password of a cloud that is not used", "planted-elsewhere-0-Lkz7")
        config["clouds"]["elsewhere"] = {"auth": {"auth_url": "http://127.0.0.1:1/v3", "password": planted}}
        secure = {"clouds": {"sandbox": {"auth": {"password": config["clouds"]["sandbox"]["auth"].pop("password")}}}}
        for cloud, password in passwords.items():
            (secure if cloud == "sandbox" else config)["clouds"][cloud]["auth"]["password"] = password
        for path, content in ((self.clouds, config), (self.config / "secure.yaml", secure)):
            with path.open("w") as file:
                yaml.dump(content, file)
        self.environment["OS_CLIENT_SECURE_FILE"] = str(self.config / "secure.yaml")

    def image(self, name, *members, **fields):
        owner = User(self.box, "golden", "KR2")
        made = owner.create(f"{self.prefix}-{name}", visibility="shared", **fields)
        for member in members:
            owner.share(made, self.box.projects[member])
        return made

    def run(self, *argv, cloud="sandbox", module="imagegate"):
        prod = [{"project": self.box.projects["web-prod"]}]
        rule = ({"name": f"{self.prefix}-*", "owner": "self"}, {PROTECTED: None, MEMBERS: {"require": prod}})
        policy = write_policy(self.folder / "policy.yaml", rule, scope={"clouds": {cloud: ["KR2"]}})
        face = ("audit",) if module == "imagegate" else ("--pyargs", "imagegate.checks")
        return imagegate(
            *face, "--policy", policy, *argv,
            cwd=self.folder, clouds=self.clouds, env=self.environment, watch=True, module=module,
        )  # fmt: skip

    def assert_kept(self, ran, tokens=()):
        """Nothing that was planted, and none of the tokens that were really used, is anywhere."""
        for number, token in enumerate(tokens):
            self.secrets.plant(f"token {number}", token)
        assert any(b"--policy" in argv for argv in ran.argvs), "the processes were watched"
        leaks = self.secrets.leaks_of(ran) + self.secrets.leaks_in_files(self.folder)
        assert leaks == []


@pytest.fixture
def place(cloud, tmp_path, secrets):
    return Place(cloud, tmp_path, secrets)


@pytest.mark.parametrize("cloud_name", ["sandbox", "sandbox-v3"])
@pytest.mark.parametrize("module", ["imagegate", "pytest"])
def test_a_run_that_mends_with_everything_turned_up(cloud, place, module, cloud_name):
    property_ = place.secrets.plant("the value of an image property", "planted-admin-pass-8Xw2")
    place.image("web", "web-stage", admin_pass=property_)
    place.image("app", "web-prod")
    with Proxy(cloud.ports["glance-KR2"]) as proxy, rerouted(cloud, "glance-KR2", proxy.port):
        ran = place.run(*LOUDEST, "--fix", "--fix-level", "disruptive", cloud=cloud_name, module=module)
    assert ran.code == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    assert ran.report["counts"]["fixed"] == 3
    assert (ran.folder / "journal.jsonl").exists()
    log = (place.folder / "debug.log").read_text()
    assert "/v2/images" in log, "debug logging was on"
    assert len(proxy.tokens) == 1
    place.assert_kept(ran, proxy.tokens)


def test_recorded_facts(cloud, place):
    place.image("web", "web-stage")
    with Proxy(cloud.ports["glance-KR2"]) as proxy, rerouted(cloud, "glance-KR2", proxy.port):
        ran = place.run("-v", "--record-facts", "facts.jsonl")
    assert ran.code == 1
    assert place.prefix in (place.folder / "facts.jsonl").read_text()
    place.assert_kept(ran, proxy.tokens)


@pytest.mark.parametrize("cloud_name", ["sandbox", "sandbox-v3"])
def test_refused_credentials(place, cloud_name):
    """What went wrong is told without the password that was wrong."""
    wrong = place.secrets.plant("the refused password", "planted-wrong-pass-3Vb8")
    place.configure(**{cloud_name: wrong})
    place.image("web")
    ran = place.run(*LOUDEST, cloud=cloud_name)
    assert ran.code == 10, ran.stdout[-3000:]
    place.assert_kept(ran)


def test_a_clouds_yaml_that_cannot_be_read(place):
    """The line with the mistake is the one with the password."""
    planted = place.secrets.plant("the password in the broken line", "planted-broken-line-6Tn1")
    for broken in (f"clouds:\n  sandbox:\n    auth: {{password: {planted}\n", f'clouds:\n  sandbox: "{planted}"\n'):
        place.clouds.write_text(broken)
        ran = place.run(*LOUD)
        assert ran.code == 4, ran.stdout[-3000:]
        assert "configuration" in ran.stderr or str(place.clouds) in ran.stderr, "it is told what is wrong"
        place.assert_kept(ran)


def test_a_service_that_echoes_the_request(cloud, place):
    """An error page of a proxy or a debug middleware shows the headers that it got."""

    def echo(path, headers, answer):
        if not path.endswith("/members"):
            return answer
        page = f"<html><body><h1>403</h1><pre>{json.dumps(headers)}</pre>{headers['X-Auth-Token']}</body></html>"
        return net.Answer(403, {"content-type": "text/html"}, page.encode())

    place.image("web", "web-prod", protected=True)
    with Proxy(cloud.ports["glance-KR2"], mangle=echo) as proxy, rerouted(cloud, "glance-KR2", proxy.port):
        ran = place.run(*LOUDEST)
    assert ran.code == 10, ran.stdout[-3000:]
    assert any("HTTP 403" in (f["reason"] or "") for f in ran.report["findings"])
    place.assert_kept(ran, proxy.tokens)


def test_the_sandbox_shows_no_password_in_any_argv(cloud, secrets):
    """Services get theirs from files that only their owner can read."""
    seen = 0
    for pid in cloud.pids.values():
        for part in ("cmdline", "environ"):
            content = Path(f"/proc/{pid}/{part}").read_bytes()
            seen += bool(content)
            assert secrets.leaks(f"{part} of {pid}", content) == []
    assert seen >= len(cloud.pids)
