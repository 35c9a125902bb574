# mypy: ignore-errors
"""A volume driver for Cinder whose volumes are sparse files, joined to the sandbox's guests.

The volume that a guest's server boots from is the guest's root: what is uploaded of it is its root as it is at that
moment (see captures.py), on a disk of the volume's size. All other volumes are what was written to their files.
The sandbox names the program that packs a root in IMAGEGATE_GUEST_CONTROL (a JSON list; see guest_control.py).
"""

import contextlib
import json
import os
import pathlib
import subprocess
import tempfile

from cinder import exception, interface
from cinder.volume import driver
from oslo_config import cfg

GIB = 1 << 30
GUEST_CONTROL = json.loads(os.environ.get("IMAGEGATE_GUEST_CONTROL", "[]"))
GUEST_TIME = 90


def _run(*command):
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=GUEST_TIME, check=False
    )
    if done.returncode:
        raise exception.VolumeDriverException(message=f"{command[0]}: {done.stderr.strip()}")
    return done.stdout


@interface.volumedriver
class SandboxVolumeDriver(driver.VolumeDriver):
    """Volumes in files. Nothing is exported: whoever runs servers here finds the files by their paths."""

    VERSION = "1"
    CI_WIKI_NAME = "none"

    def check_for_setup_error(self):
        self._folder.mkdir(exist_ok=True)

    @property
    def _folder(self):
        return pathlib.Path(cfg.CONF.state_path) / "volumes"

    def _file(self, volume):
        return self._folder / volume.id

    def create_volume(self, volume):
        with self._file(volume).open("wb") as file:
            file.truncate(volume.size * GIB)

    def delete_volume(self, volume):
        self._file(volume).unlink(missing_ok=True)
        self._file(volume).with_suffix(".guest").unlink(missing_ok=True)

    def clone_image(self, context, volume, image_location, image_meta, image_service):
        """A volume with an image's data on it. Not left to Cinder, which would want to be root for that."""
        with self._scratch() as file:
            with file.open("wb") as data:
                image_service.download(context, image_meta["id"], data)
            if image_meta["disk_format"] == "raw":
                file.replace(self._file(volume))
            else:
                _run("qemu-img", "convert", "-f", image_meta["disk_format"], "-O", "raw", file, self._file(volume))
        os.truncate(self._file(volume), volume.size * GIB)
        return {}, True

    def copy_volume_to_image(self, context, volume, image_service, image_meta):
        """The volume's data in the image's format. Not left to Cinder, which would want to be root for that."""
        with self._scratch() as file:
            disk = file if self._pack(volume, file) else self._file(volume)
            if disk == file:
                os.truncate(disk, volume.size * GIB)
            if image_meta["disk_format"] != "raw":
                packed = file.with_name("converted")
                _run("qemu-img", "convert", "-f", "raw", "-O", image_meta["disk_format"], disk, packed)
                disk = packed
            with disk.open("rb") as data:
                image_service.update(context, image_meta["id"], {}, data)

    def _pack(self, volume, file):
        """Write the root of the guest that this volume is the disk of; whether there is one."""
        with contextlib.suppress(FileNotFoundError):
            name, server = json.loads(self._file(volume).with_suffix(".guest").read_text())
            return json.loads(_run(*GUEST_CONTROL, name, server, "pack", str(file))).get("packed", False)
        return False

    @contextlib.contextmanager
    def _scratch(self):
        with tempfile.TemporaryDirectory(dir=self._folder.parent) as folder:
            yield pathlib.Path(folder) / "data"

    def initialize_connection(self, volume, connector):
        return {"driver_volume_type": "local", "data": {"device_path": str(self._file(volume))}}

    def terminate_connection(self, volume, connector, **kwargs):
        pass

    def ensure_export(self, context, volume):
        pass

    def create_export(self, context, volume, connector):
        pass

    def remove_export(self, context, volume):
        pass

    def extend_volume(self, volume, new_size):
        os.truncate(self._file(volume), new_size * GIB)

    def _update_volume_stats(self):
        self._stats = {
            "volume_backend_name": "files",
            "vendor_name": "imagegate",
            "driver_version": self.VERSION,
            "storage_protocol": "local",
            "total_capacity_gb": "infinite",
            "free_capacity_gb": "infinite",
        }
