"""The templates keep the rules of those who read them: official schemas, linters, and what is good practice."""

import ast
import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import packages_distributions

import kubernetes_validate
import pytest
import yaml
from tests.deploy.templates import (
    ACTION,
    CLONE,
    CONTAINERFILE,
    CRONJOB,
    DEPLOY,
    EXPRESSION,
    GITLAB,
    SCRIPTS,
    WORKFLOW,
    YAMLS,
    documents,
    load,
    script_of_gitlab,
    steps,
    tool,
)

from imagegate.catalogue import load_catalogue, packaged_root
from imagegate.policy import load_policy

PINNED = re.compile(r"^ *(?:- )?uses: [\w.-]+/[\w.-]+(?:/[\w./-]+)?@[0-9a-f]{40} # v\d+\.\d+\.\d+$", re.MULTILINE)


def run(*command, text=None):
    """A linter's exit code and all that it says."""
    done = subprocess.run([tool(command[0]), *map(str, command[1:])], input=text, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    "path, schema",
    [
        (ACTION, "vendor.github-actions"),
        (WORKFLOW, "vendor.github-workflows"),
        (WORKFLOW, "custom.github-workflows-require-timeout"),
        (GITLAB, "vendor.gitlab-ci"),
    ],
)
def test_it_fits_the_schema_of_its_reader(path, schema):
    code, said = run("check-jsonschema", "--builtin-schema", schema, path)
    assert code == 0, said


def test_the_schema_would_notice(tmp_path):
    broken = tmp_path / "action.yml"
    broken.write_text(ACTION.read_text("utf-8").replace("using: composite", "using: compost"))
    code, _ = run("check-jsonschema", "--builtin-schema", "vendor.github-actions", broken)
    assert code != 0


@pytest.mark.parametrize("path", YAMLS, ids=lambda path: path.name)
def test_its_yaml_is_plain(path):
    rules = {"extends": "default", "rules": {
        "line-length": {"max": 120}, "document-start": "disable", "comments": {"min-spaces-from-content": 1},
        "braces": {"max-spaces-inside": 0}, "truthy": {"check-keys": False},
    }}  # fmt: skip
    code, said = run("yamllint", "--strict", "-d", json.dumps(rules), path)
    assert code == 0, said


def test_no_finding_of_zizmor():
    code, said = run("zizmor", "--offline", "--no-progress", ACTION, WORKFLOW)
    assert code == 0, said


def test_zizmor_would_notice_an_input_in_shell_text(tmp_path):
    broken = tmp_path / "action.yml"
    broken.write_text(ACTION.read_text("utf-8").replace('run: bash "$GITHUB', 'run: echo ${{ inputs.args }}; bash "$GITHUB'))
    code, said = run("zizmor", "--offline", "--no-progress", broken)
    assert code != 0
    assert "template-injection" in said


def test_no_expression_stands_in_shell_text():
    jobs = load(WORKFLOW)["jobs"].values()
    scripts = [step.get("run", "") for step in [*steps(), *(step for job in jobs for step in job["steps"])]]
    assert [script for script in scripts if EXPRESSION.search(script)] == []


@pytest.mark.parametrize("path", [ACTION, WORKFLOW], ids=lambda path: path.name)
def test_what_others_wrote_is_pinned_by_commit_and_its_version_told(path):
    text = path.read_text("utf-8")
    assert len(PINNED.findall(text)) == len(re.findall(r"uses:", text)) > 0


def test_the_workflow_may_do_no_more_than_read():
    workflow = load(WORKFLOW)
    assert workflow["permissions"] == {}
    assert [job["permissions"] for job in workflow["jobs"].values()] == [{"contents": "read"}]
    checkouts = [step for job in workflow["jobs"].values() for step in job["steps"] if "checkout" in step.get("uses", "")]
    assert [step["with"]["persist-credentials"] for step in checkouts] == ["false"]


@pytest.mark.parametrize("path", [*SCRIPTS, CLONE / ".ci" / "run", *sorted((CLONE / "tools").glob("*.sh"))], ids=lambda p: p.name)
def test_shellcheck_has_nothing_to_say(path):
    code, said = run("shellcheck", path)
    assert code == 0, said


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_shellcheck_has_nothing_to_say_of_the_gitlab_job(shell):
    code, said = run("shellcheck", "--shell", shell, "--exclude=SC2086", "-", text=script_of_gitlab())
    assert code == 0, said


def test_hadolint_has_nothing_to_say():
    code, said = run("hadolint", "--failure-threshold", "style", CONTAINERFILE)
    assert code == 0, said


def test_the_container_has_no_root_and_only_hashed_packages():
    text = CONTAINERFILE.read_text("utf-8")
    last = text[text.rindex("FROM ") :]
    assert re.search(r"^USER 65532:65532$", last, re.MULTILINE)
    assert not re.search(r"^(ADD|COPY \.)", text, re.MULTILINE), "everything that gets in is named"
    installs = re.findall(r"pip install(?:[^\\\n]|\\\n)*", text)
    assert len(installs) == 2
    assert all("--require-hashes" in line or ("--no-deps" in line and "--no-build-isolation" in line) for line in installs)
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        assert all((CLONE / each).exists() for each in source.split())


def test_what_users_install_is_a_part_of_what_is_tested():
    tested, shipped = (pins(CLONE / "tools" / name) for name in ("lock.txt", "lock-deploy.txt"))
    assert shipped <= tested
    assert not {name for name, _ in shipped} & {"mypy", "sphinx", "hypothesis"}
    assert {"pydantic", "hatchling"} <= {name for name, _ in shipped}


def pins(path):
    """The names and versions of a lock file; each has hashes."""
    text = path.read_text("utf-8")
    entries = re.split(r"\n(?=[a-z])", text.strip())
    assert all("--hash=sha256:" in entry for entry in entries)
    return {tuple(entry.split(" ", 1)[0].split("==")) for entry in entries}


@pytest.mark.parametrize("version", ["1.30", "1.37"])
@pytest.mark.parametrize("document", documents(CRONJOB), ids=lambda document: document["kind"])
def test_it_fits_the_schema_of_kubernetes(document, version):
    kubernetes_validate.validate(document, version, strict=True)


def test_the_schema_of_kubernetes_would_notice():
    job = documents(CRONJOB)[-1]
    job["spec"]["concurrencyPolice"] = "Forbid"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(job, "1.37", strict=True)


def test_the_pod_is_restricted():
    namespace, policy, claim, job = documents(CRONJOB)
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    spec = job["spec"]["jobTemplate"]["spec"]
    pod = spec["template"]["spec"]
    [container] = pod["containers"]
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    assert (spec["backoffLimit"], pod["restartPolicy"]) == (0, "Never")
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    assert {volume["name"] for volume in pod["volumes"]} == set(mounts)
    assert mounts["policy"]["readOnly"] is mounts["clouds"]["readOnly"] is True
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes["reports"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert volumes["policy"]["configMap"]["name"] == policy["metadata"]["name"]
    assert {document["metadata"].get("namespace", "imagegate") for document in documents(CRONJOB)} == {"imagegate"}
    user = CONTAINERFILE.read_text("utf-8").split("USER ")[1].split(":")[0]
    assert str(pod["securityContext"]["runAsUser"]) == user


def test_the_example_policy_of_the_cronjob_is_one(tmp_path):
    [text] = documents(CRONJOB)[1]["data"].values()
    path = tmp_path / "golden.yaml"
    path.write_text(text)
    load_policy(path, load_catalogue([packaged_root()]).checks, today=datetime.now(UTC).date())


def test_no_template_holds_a_secret_or_somebodys_address():
    for path in sorted(each for each in DEPLOY.rglob("*") if each.is_file()):
        text = path.read_text("utf-8")
        hosts = set(re.findall(r"https?://([\w.-]+)", text)) | set(re.findall(r"\b([\w-]+\.example\.\w+)", text))
        assert all(host.endswith("example.com") for host in hosts), path
        assert not re.search(r"(?i)(password|secret|token)\w*\s*[:=]\s*['\"]?[A-Za-z0-9+/]{12,}", text), path


def test_the_templates_are_all_read_here():
    known = {*YAMLS, *SCRIPTS, CONTAINERFILE, DEPLOY / "README.md"}
    others = {path for path in DEPLOY.rglob("*") if path.is_file()} - known
    assert {path.name for path in others} == {"imagegate-audit.service", "imagegate-audit.timer", "prometheus.conf"}
    for path in YAMLS:
        assert list(yaml.safe_load_all(path.read_text("utf-8")))


def test_what_imagegate_imports_is_what_users_install():
    """A package that only the developers' environment has would be missed by users alone."""
    providers = packages_distributions()
    shipped = {plain(name) for name, _ in pins(CLONE / "tools" / "lock-deploy.txt")}
    missing = set()
    for path in (CLONE / "src" / "imagegate").rglob("*.py"):
        if "services" in path.parts:  # run by the sandbox's own Python
            continue
        for module in imported(ast.parse(path.read_text("utf-8"))):
            names = {plain(name) for name in providers.get(module, [module])}
            if module not in sys.stdlib_module_names | OPTIONAL | {"imagegate"} and not names & shipped:
                missing.add(f"{path.relative_to(CLONE)}: {module}")
    assert missing == set()


OPTIONAL = {"ansible"}
"""Used where they are installed; the code says what else."""


def plain(name):
    """A distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).casefold()


def imported(tree):
    """The first words of all modules that a file imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.partition(".")[0]
