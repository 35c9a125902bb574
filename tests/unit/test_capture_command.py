"""The command lines of capture and prove: what is refused, and how that is said."""

from __future__ import annotations

import pytest

from imagegate.cli import main

POLICY = "policy: p\nversion: 1\nrules:\n  - for: {image: {}}\n    require: {catalog-image-protected: }\n"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OS_CLIENT_CONFIG_FILE", raising=False)
    (tmp_path / "p.yaml").write_text(POLICY)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("capture", "INSTANCE, --name NAME, --policy FILE must be given"),
        ("capture web --name x", "--policy FILE must be given"),
        ("capture web --name x --policy p.yaml --fix-level disruptive", "add --fix"),
        ("capture web --name x --policy p.yaml --fix --fix-level destructive", "invalid choice"),
        ("capture web --name x --policy none.yaml", "none.yaml"),
        ("capture web --name  --policy p.yaml", "--name"),
        ("capture --resume none", "there is no run none in"),
        ("capture --resume latest", "there is no latest run: no capture was begun there"),
        ("capture --resume none --name x --fix", "leave out --name, --fix"),
        ("capture --resume ../x", "the name of a run, not a path"),
        ("capture web --name x --policy p.yaml --timeout 0", "more than 0 seconds"),
        ("prove", "IMAGE"),
        ("prove i", "no cloud is named"),
        ("prove --clean r i", "leave out image"),
        ("prove --clean r --flavor f --cloud c", "leave out cloud, flavor"),
        ("prove --clean ../r", "not a path"),
        ("prove --clean r", "there is no run r in"),
        ("prove --clean latest~1", "there is no latest run: no proof was begun there"),
        ("prove i --cloud c", "--flavor NAME"),
        ("prove i --cloud c --policy p.yaml", "--flavor NAME"),
        ("prove i --cloud c --flavor f --identity-file none", "no such file"),
        ("prove i --cloud c --flavor f --address-from nowhere", "metadata:KEY"),
        ("prove i --cloud c --flavor f --ssh-port 0", "at least 1"),
        ("prove i --cloud no-such-cloud --flavor f", "unknown cloud"),
    ],
)
def test_what_does_not_fit_is_a_usage_error_that_says_what_does(capsys, tmp_path, words, said):
    assert main(words.split(" ")) == 4
    assert said in capsys.readouterr().err
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize("command", ["capture", "prove"])
def test_the_help_teaches(capsys, command):
    assert main([command, "--help"]) == 0
    shown = capsys.readouterr().out
    for words in ("examples:", "exit codes:", "--report-dir", "--cloud"):
        assert words in shown
    assert main(["--help"]) == 0
    assert f"  {command} " in capsys.readouterr().out


def test_a_policy_says_how_images_are_proven_and_options_go_before(tmp_path):
    from imagegate.commands import prove

    (tmp_path / "p.yaml").write_text(POLICY + "prove: {flavor: u2.c1m2, user: ubuntu, timeout_s: 90, volume_size: 20}\n")
    parse = prove._parser().parse_args
    given = parse(["i", "--policy", "p.yaml", "--user", "rocky", "--network", "n1"])
    boots = prove._boots(given, prove._policy(given))
    assert (boots.flavor, boots.user, boots.network, boots.timeout_s, boots.volume_size) == (
        "u2.c1m2", "rocky", "n1", 90, 20
    )  # fmt: skip
    assert boots.address_from == "addresses"


@pytest.mark.parametrize(
    "section", ["{flavour: x}", "{address_from: nowhere}", "{ssh_port: 0}", "{timeout_s: 0}", "{volume_size: big}"]
)
def test_a_wrong_section_of_the_policy_is_a_mistake_with_a_line(tmp_path, capsys, section):
    (tmp_path / "p.yaml").write_text(POLICY + f"prove: {section}\n")
    assert main(["prove", "i", "--policy", "p.yaml", "--cloud", "c"]) == 4
    assert "p.yaml:6:" in capsys.readouterr().err
