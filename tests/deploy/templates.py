"""The templates of deploy/, read: steps of the action, the script of the GitLab job, the documents of the CronJob."""

import re
import shutil
import sys
import sysconfig
from pathlib import Path

import yaml

CLONE = Path(__file__).resolve().parents[2]
DEPLOY = CLONE / "deploy"
ACTION = CLONE / "action.yml"
WORKFLOW = DEPLOY / "github" / "workflow.yml"
GITLAB = DEPLOY / "gitlab" / "imagegate.gitlab-ci.yml"
CRONJOB = DEPLOY / "kubernetes" / "imagegate-audit.yaml"
CONTAINERFILE = DEPLOY / "container" / "Containerfile"
SCRIPTS = sorted(DEPLOY.rglob("*.sh"))
YAMLS = [ACTION, *sorted(DEPLOY.rglob("*.yml")), *sorted(DEPLOY.rglob("*.yaml"))]
EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


def load(path):
    """A YAML file of one document. ``on:`` stays a word."""
    return yaml.load(path.read_text("utf-8"), Loader=yaml.BaseLoader)


def documents(path):
    """A YAML file of several documents."""
    return list(yaml.safe_load_all(path.read_text("utf-8")))


def steps():
    """The steps of the action."""
    return load(ACTION)["runs"]["steps"]


def script_of_gitlab():
    """The lines that GitLab hands to the shell."""
    return "\n".join(load(GITLAB)["imagegate"]["script"])


def tool(name):
    """A linter of the development environment: beside this Python, else on PATH."""
    beside = Path(sysconfig.get_path("scripts")) / name
    found = str(beside) if beside.exists() else shutil.which(name)
    assert found, f"{name} is not in {sys.prefix}: make lock, or uv pip install"
    return found
