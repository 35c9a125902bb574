"""Proxies and what they spare, file by file."""

from tests.checks.harness import BadParams, ByHand, Fails, Passes, Table, given, wrong

from imagegate.model import Facts, Level
from imagegate.probes import PROXY, ProxyFact, ProxyFile

ENVIRONMENT, PROFILE, SYSTEMD = "/etc/environment", "/etc/profile.d/proxy.sh", "/etc/systemd/system.conf"


def says(path: str, bypass: str = "unset", *, proxy: bool = True) -> ProxyFile:
    """A file that sets a proxy."""
    return ProxyFile(path=path, proxy=proxy, bypass=bypass)


def guest(*files: ProxyFile) -> Facts:
    """A guest with these files."""
    return given({PROXY: ProxyFact(files=files)})


def exposed(path: str, actual: str):
    """The violation of a file."""
    return wrong(path, "169.254.0.0/16 bypasses the proxy", actual)


def add(path: str) -> tuple[str, Level]:
    """What a person does."""
    return (f"add 169.254.169.254 and 169.254.0.0/16 to no_proxy in {path}", Level.MANUAL)


UNSET, NONE = "no_proxy is not set", "no_proxy spares none of it"
TABLE = Table(
    "linux-metadata-proxy-bypassed",
    (
        Passes(name="no proxy", seen=guest()),
        Passes(name="spared", seen=guest(says(ENVIRONMENT, "network"))),
        Passes(name="spared where no proxy is set", seen=guest(says(ENVIRONMENT, "none", proxy=False))),
        Passes(
            name="spared everywhere",
            seen=guest(says(ENVIRONMENT, "network"), says(PROFILE, "network"), says(SYSTEMD, "network")),
        ),
        Passes(
            name="a profile that relies on the environment",
            seen=guest(says(ENVIRONMENT, "network", proxy=False), says(PROFILE)),
        ),
        Fails(name="not spared", seen=guest(says(ENVIRONMENT)), violations=(exposed(ENVIRONMENT, UNSET),)),
        Fails(name="others are spared", seen=guest(says(PROFILE, "none")), violations=(exposed(PROFILE, NONE),)),
        Fails(
            name="one address", seen=guest(says(PROFILE, "address")),
            violations=(exposed(PROFILE, "only 169.254.169.254 is spared"),),
        ),
        Fails(
            name="systemd does not read the environment",
            seen=guest(says(ENVIRONMENT, "network"), says(SYSTEMD)), violations=(exposed(SYSTEMD, UNSET),),
        ),
        Fails(
            name="a profile takes back what the environment spares",
            seen=guest(says(ENVIRONMENT, "network"), says(PROFILE, "none", proxy=False)),
            violations=(exposed(PROFILE, NONE),),
        ),
        ByHand(
            name="two files", seen=guest(says(ENVIRONMENT), says(SYSTEMD, "address")),
            steps=(add(ENVIRONMENT), add(SYSTEMD)), left=(ENVIRONMENT, SYSTEMD),
        ),
        BadParams(name="it takes none", want={"files": []}, message="Extra inputs"),
    ),
)  # fmt: skip

test_case, test_table_is_complete = TABLE.tests()
