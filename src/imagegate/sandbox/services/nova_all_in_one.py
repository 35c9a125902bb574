# mypy: ignore-errors
"""Nova in one process on an inherited socket: nova_all_in_one.py FD.

The real API, conductor, scheduler and compute manager, joined by oslo.messaging's in-memory transport in
place of RabbitMQ, with Nova's own fake virt driver. Added to that driver are:
- servers known to the database are there again after a restart;
- power: a server named like a guest of the sandbox powers that guest off and on;
- a snapshot of such a server uploads the guest's root as it is (of any other a little data, so that the image
  becomes active: plain FakeDriver never uploads);
- a server made from an image with such a root, or from a volume with one, is a real guest, booted from it; its address
  is in the server's metadata, since there are no networks here. It goes when the server is deleted;
- the volume that a server boots from knows its guest: block storage uploads the guest's root for it.
The sandbox names the program that does it in IMAGEGATE_GUEST_CONTROL (a JSON list; see guest_control.py).
"""

import contextlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import traceback

os.environ["OS_NOVA_DISABLE_EVENTLET_PATCHING"] = "1"
descriptor = int(sys.argv[1])
sys.argv = ["nova-all-in-one"]

from nova import monkey_patch

monkey_patch.patch(backend="threading")

import nova.conf
import os_brick
import os_vif
import sqlite_immediate  # noqa: F401
from nova import context, exception, objects, service
from nova.api.openstack import wsgi_app
from nova.compute import power_state, vm_states
from nova.compute import rpcapi as compute_rpcapi
from nova.conductor import rpcapi as conductor_rpcapi
from nova.image import glance
from nova.objects import host_mapping
from nova.scheduler import rpcapi as scheduler_rpcapi
from nova.virt import fake
from serve import listen_forever

GUEST_CONTROL = json.loads(os.environ.get("IMAGEGATE_GUEST_CONTROL", "[]"))
GUEST_TIME = 90
PLACEHOLDER = 1024
BINARIES = {
    "nova-conductor": conductor_rpcapi.RPC_TOPIC,
    "nova-scheduler": scheduler_rpcapi.RPC_TOPIC,
    "nova-compute": compute_rpcapi.RPC_TOPIC,
}


def _control(instance, verb, *rest):
    """Do something to the guest of this server's name; a server without a guest is only a record."""
    if not GUEST_CONTROL:
        return {}
    done = subprocess.run(
        [*GUEST_CONTROL, instance.display_name, instance.uuid, verb, *rest],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=GUEST_TIME,
        check=False,
    )
    if done.returncode:
        raise exception.InternalError(f"guest {instance.display_name}: {done.stderr.strip()}")
    return json.loads(done.stdout)


@contextlib.contextmanager
def _scratch():
    """The path of a file that goes away again."""
    with tempfile.TemporaryDirectory(dir=nova.conf.CONF.state_path) as folder:
        yield pathlib.Path(folder) / "root.tar"


def _root_volume(block_device_info):
    """The file of the volume that a server boots from (see cinder_driver.py), None where it boots from its image."""
    volumes = (block_device_info or {}).get("block_device_mapping") or []
    roots = [volume for volume in volumes if volume["boot_index"] == 0]
    return pathlib.Path(roots[0]["connection_info"]["data"]["device_path"]) if roots else None


class SandboxDriver(fake.FakeDriverWithoutFakeNodes):
    """Nova's fake driver, joined to the sandbox's guests."""

    def snapshot(self, context, instance, image_id, update_task_state):
        super().snapshot(context, instance, image_id, update_task_state)
        images = glance.API()
        wanted = {
            "name": images.get(context, image_id)["name"],
            "disk_format": "raw",
            "container_format": "bare",
            "visibility": "private",
            "properties": {},
        }
        with _scratch() as file:
            packed = _control(instance, "pack", str(file)).get("packed")
            with file.open("rb") if packed else io.BytesIO(b"\0" * PLACEHOLDER) as data:
                images.update(context, image_id, wanted, data=data, purge_props=False)

    def spawn(self, context, instance, image_meta, *args, block_device_info=None, **kwargs):
        disk = _root_volume(block_device_info)
        if disk is not None:
            self._boot(instance, disk)
            disk.with_suffix(".guest").write_text(json.dumps([instance.display_name, instance.uuid]))
        elif image_meta.obj_attr_is_set("id"):
            self._boot_image(context, instance, image_meta.id)
        super().spawn(context, instance, image_meta, *args, block_device_info=block_device_info, **kwargs)

    def _boot_image(self, context, instance, image_id):
        """From a copy of an image. The sandbox's base images hold 1 KiB."""
        images = glance.API()
        if images.get(context, image_id)["size"] > PLACEHOLDER:
            with _scratch() as file:
                images.download(context, image_id, dest_path=str(file))
                self._boot(instance, file)

    def _boot(self, instance, file):
        """A real guest, where the file holds the captured root of one."""
        try:
            guest = _control(instance, "boot", str(file))
        except exception.InternalError as error:  # there is no other host to try
            raise exception.BuildAbortException(instance_uuid=instance.uuid, reason=str(error)) from error
        if guest:
            try:
                instance.metadata = {**instance.metadata, **{f"sandbox_{key}": str(guest[key]) for key in guest}}
                instance.save()
            except BaseException:  # deleted meanwhile
                _control(instance, "gone")
                raise

    def power_off(self, instance, timeout=0, retry_interval=0):
        _control(instance, "off")
        super().power_off(instance, timeout, retry_interval)

    def power_on(self, context, instance, *args, **kwargs):
        _control(instance, "on")
        super().power_on(context, instance, *args, **kwargs)

    def reboot(self, context, instance, *args, **kwargs):
        _control(instance, "off")
        super().reboot(context, instance, *args, **kwargs)  # ends in power_on

    def destroy(self, context, instance, *args, **kwargs):
        if instance.uuid in self.instances:  # one that could not be made may have the name of another's guest
            _control(instance, "gone")
        super().destroy(context, instance, *args, **kwargs)

    def remember(self, ctxt, host):
        """Take up again the servers that the database has on this host."""
        for instance in objects.InstanceList.get_by_host(ctxt, host):
            off = instance.vm_state == vm_states.STOPPED
            state = power_state.SHUTDOWN if off else power_state.RUNNING
            self.instances[instance.uuid] = fake.FakeInstance(instance.name, state, instance.uuid)


fake.SandboxDriver = SandboxDriver  # where `compute_driver = fake.SandboxDriver` looks for it


def main():
    """Start the services, then answer requests until SIGTERM."""
    conf = nova.conf.CONF
    objects.register_all()
    application = wsgi_app.init_application("osapi_compute", "nova-api-os-compute")
    os_brick.setup(conf)
    os_vif.initialize()
    services = []
    for binary, topic in BINARIES.items():
        started = service.Service.create(binary=binary, topic=topic)
        if binary == "nova-compute":
            started.manager.driver.remember(context.get_admin_context(), conf.host)
        started.start()
        services.append(started)
    host_mapping.discover_hosts(context.get_admin_context())
    print("ready", flush=True)
    listen_forever(application, descriptor, threads=8)


try:
    main()
finally:  # main() only ends by failing, and threads of half-started services would keep the process alive
    traceback.print_exc()
    os._exit(1)
