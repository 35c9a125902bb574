"""The password of a Windows account leaves nothing behind: outputs, reports, recordings, logs, argv, whatever happens."""

from pathlib import Path

import pytest
from tests.real.support import Secrets
from tests.real.windows import RELEASED, Gate, Site, entry, finding, write_policy

from imagegate.sandbox import windows

pytestmark = pytest.mark.real

PASSWORDS = {
    "ntlm": 'Planted-ntlm-5Qz+/x9="&<ä',
    "basic": "Planted-basic-8Xw2%20$HOME",
    "rejected": "Planted-rejected-3Vb8!",
    "http": "Planted-http-6Tn1^&|",
    "in the answer file": "Not-A-Real-Passw0rd",
}
CHECKS = {
    "windows-answer-file-valid": None,
    "windows-cloudbase-init-on-demand": {"released": RELEASED},
    "windows-rearm-available": None,
}
LOUD = ("-vv", "-rA", "--showlocals", "--tb=long", "--log-level=DEBUG", "--log-file=debug.log")
LOUDEST = (*LOUD, "-o", "log_cli=true", "--log-cli-level=DEBUG", "--capture=no", "--junitxml=junit-of-pytest.xml")


@pytest.fixture(scope="module")
def planted():
    """What must not turn up; the answer to an NTLM challenge, from which a password can be guessed, is no better."""
    secrets = Secrets()
    secrets.forbid("an NTLM answer", rb"TlRMTVNTUAADAAAA")
    for label, value in PASSWORDS.items():
        secrets.plant(f"the password {label}", value)
    return secrets


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    made = Site(tmp_path_factory.mktemp("peers"))
    faults = ("cloudbase-auto", "skip-rearm", "answer-file-password")
    more = {"ntlm": {"faults": faults}, "basic": {"auth": ("basic",)}, "http": {"scheme": "http"}, "rejected": {}}
    made.start_all({name: {"password": PASSWORDS[name], **spec} for name, spec in more.items()})
    windows.tell(made.peers["rejected"].folder, password="another-Passw0rd")
    yield made
    made.close()


@pytest.fixture
def run(site, tmp_path):
    """The command line in a folder with home and temporary folder of its own."""
    environment = site.environment
    for name, at in {"HOME": "home", "TMPDIR": "tmp"}.items():
        (tmp_path / at).mkdir()
        environment[name] = str(tmp_path / at)
    http = {k: v for k, v in entry(site.peers["http"], scheme="http").items() if k != "ca_file"}
    inventory = site.inventory(tmp_path / "inventory.yaml", basic=entry(site.peers["basic"], auth="basic"), http=http)
    return Gate(tmp_path, write_policy(tmp_path / "policy.yaml", CHECKS), inventory, environment)


def test_a_password_is_nowhere(site, run, planted):
    looked = run(*LOUDEST, "--record-facts", "facts.jsonl", command="audit", watch=True)
    assert looked.code == 1, looked.stdout
    assert finding(looked, "rejected", "windows-rearm-available")["owner"] == "user"
    mended = run(*LOUDEST, "--fix", command="audit", watch=True)
    states = {f["check"]: f["remedy"]["state"] for f in mended.report["findings"] if f["target"]["name"] == "ntlm"}
    assert states == {
        "windows-answer-file-valid": "manual",
        "windows-cloudbase-init-on-demand": "verified",
        "windows-rearm-available": "verified",
    }
    assert "/wsman" in (run.folder / "debug.log").read_text(), "debug logging was on"
    for done in (looked, mended):
        assert any(b"--policy" in argv for argv in done.ran.argvs), "the processes were watched"
        assert planted.leaks_of(done.ran) == []
    assert planted.leaks_in_files(run.folder) == []


def test_peers_show_no_password_in_their_argv_or_logs(site, planted):
    for peer in site.peers.values():
        for part in ("cmdline", "environ"):
            content = Path(f"/proc/{peer.pid}/{part}").read_bytes()
            assert content
            assert planted.leaks(f"{part} of {peer.name}", content) == []
        assert planted.leaks("log", (peer.folder / "peer.log").read_bytes()) == []
        assert ((peer.folder / "ntlm").stat().st_mode & 0o777) == 0o600
