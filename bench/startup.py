"""What a command costs before it does anything, and what the plugin costs a suite that does not use it."""

from __future__ import annotations

import sys

from common import Setting, environment, imagegate
from figures import Part
from measure import Sample, run, take_turns

HEAVY = ("keystoneauth1", "openstack", "pydantic", "pytest", "requests", "rich", "ruamel", "stamina", "testinfra")


def measure(setting: Setting) -> Part:
    """Many short runs, in turns."""
    part = Part(name="startup", title="Start-up, and the plugin in somebody else's suite")
    suite = setting.work / "suite"
    suite.mkdir()
    (suite / "test_nothing.py").write_text("def test_nothing():\n    pass\n", encoding="utf-8")
    (suite / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    python = sys.executable
    quiet = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    commands = {
        "--version": [*imagegate(), "--version"],
        "--help": [*imagegate(), "--help"],
        "checks": [*imagegate(), "checks"],
        "python": [python, "-c", "pass"],
        "pytest --version": [python, "-m", "pytest", "--version"],
        "suite with the plugin": quiet,
        "suite without": [*quiet, "-p", "no:imagegate"],
    }

    def starter(command: list[str]) -> Sample:
        return run(command, cwd=suite, env=environment())

    contenders = {name: (lambda command=command: starter(command)) for name, command in commands.items()}
    repeats = max(setting.repeats, 3) if setting.quick else max(setting.repeats, 9)
    part.series = take_turns(contenders, repeats, lambda _: None, warm=tuple(contenders))
    found = part.series
    bare = f"{found['python'].wall_s:.3f} s  python -c pass"
    part.figure("imagegate --version", found["--version"].wall_s, " s", 0.3, peer=bare)
    part.figure("imagegate --help", found["--help"].wall_s, " s", peer=bare)
    part.figure(
        "imagegate checks",
        found["checks"].wall_s,
        " s",
        peer=f"{found['pytest --version'].wall_s:.3f} s  pytest --version",
    )
    part.figure(
        "peak memory of --version",
        found["--version"].peak_mib,
        " MiB",
        peer=f"{found['python'].peak_mib:.0f} MiB  python -c pass",
    )
    part.against(
        "a suite that does not use it", found["suite with the plugin"], found["suite without"], "-p no:imagegate"
    )
    for name in ("--version", "--help"):
        part.notes.append(f"{name} imports: {', '.join(_imports([*imagegate(), name], setting)) or 'nothing heavy'}")
    suite_imports = _imports([python, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(suite)], setting)
    part.notes.append(f"a suite that does not use it imports: {', '.join(suite_imports) or 'nothing heavy'}")
    return part


def _imports(command: list[str], setting: Setting) -> list[str]:
    """Which of the large packages a command imports."""
    sample = run(command, cwd=setting.work, env=environment(PYTHONPROFILEIMPORTTIME="1"))
    modules = {line.rpartition("|")[2].strip().partition(".")[0] for line in sample.stderr.splitlines()}
    return [name for name in HEAVY if name in modules]
