"""What tests of copies between two real Glances share: sources, half-made copies, and the policy for them."""

import hashlib
import itertools
import os

from tests.real.support import User, imagegate, write_policy

NUMBERS = itertools.count()
CHECK = "catalog-copies-complete"
DISRUPTIVE = ("--fix", "--fix-level", "disruptive")
MARK = "imagegate_copying"
MIB = 2**20
SIZE = 3 * MIB + 17


class Scene:
    """Sources of one test in KR1 with a tag of their own, a policy for them, and eyes in KR2."""

    def __init__(self, box, folder):
        self.box, self.folder = box, folder
        self.here, self.there = User(box, "golden"), User(box, "golden", "KR2")
        self.prod = User(box, "web-prod")
        self.tag = f"copies{next(NUMBERS)}"
        self.bytes = os.urandom(SIZE)  # equal data would be copies by checksum

    def source(self, name="web", data=None, **fields):
        """An active image of KR1; its id."""
        said = {"disk_format": "raw", "container_format": "bare", "visibility": "private", **fields}
        ident = self.here.create(f"{name}-{self.tag}", **{**said, "tags": [self.tag, *fields.get("tags", ())]})
        self.upload(self.here, ident, self.bytes if data is None else data)
        return ident

    def upload(self, user, ident, data):
        user.call("PUT", f"/v2/images/{ident}/file", data)

    def beside(self, source, *, data=None, **fields):
        """An image of KR2 that says it is a copy; without data it stays queued."""
        said = {"disk_format": "raw", "container_format": "bare", "visibility": "private", "source_image_id": source}
        ident = self.there.create(f"beside-{self.tag}", **{**said, **fields})
        if data is not None:
            self.upload(self.there, ident, data)
        return ident

    def copies(self, source):
        """What KR2 has that says it is a copy of ``source``."""
        return [one for one in self.there.images().values() if one.get("source_image_id") == source]

    def data(self, copy):
        """The SHA-512 of a copy's data, as it is in the store."""
        store = self.box.root / "glance-KR2"
        file = next(path for path in store.rglob(copy["id"]) if path.is_file())
        digest = hashlib.sha512()
        with file.open("rb") as opened:
            while chunk := opened.read(MIB):
                digest.update(chunk)
        return digest.hexdigest()

    def policy(self, *regions, **more):
        want = {"regions": list(regions) or ["KR2"], "copy_missing": True, **more}
        select = {"tag": self.tag, "owner": "self", "region": "KR1"}
        scope = {"clouds": {"sandbox": ["KR1"]}}
        return write_policy(self.folder / "policy.yaml", (select, {CHECK: want}), scope=scope)

    def audit(self, *argv):
        file = self.folder / "policy.yaml"
        return imagegate("audit", "--policy", file, *argv, cwd=self.folder, clouds=self.box.clouds_yaml)


def only(ran):
    """The one finding of a run."""
    (finding,) = ran.findings(CHECK).values()
    return finding
