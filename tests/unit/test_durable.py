"""Files that somebody asked for, and files of a run: whole or not there, and nothing else is ever replaced."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from imagegate.durable import output_file, replacing, write_whole

WRITE = "import sys\nfrom pathlib import Path\nfrom imagegate.durable import output_file\n"
WRITE += "with output_file(Path(sys.argv[1])) as file: file.write('new')\n"


def write(path, text="new"):
    with output_file(path) as file:
        file.write(text)


def test_an_output_file_is_made_and_made_anew_and_nothing_stays_beside_it(tmp_path):
    path = tmp_path / "out"
    write(path, "one\n")
    write(path, "two ü\n")
    assert path.read_bytes() == "two ü\n".encode()
    assert [one.name for one in tmp_path.iterdir()] == ["out"]


def test_a_write_that_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "out"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write(path, "half \udcff")
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["out"]


def test_a_link_stays_one_and_what_it_points_to_is_replaced(tmp_path):
    link, there = tmp_path / "link", tmp_path / "there"
    link.symlink_to("there")
    write(link, "made")
    write(link, "again")
    assert (link.is_symlink(), there.read_text()) == (True, "again")


def test_a_pipe_gets_the_text_and_stays_one(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read = []
    reader = threading.Thread(target=lambda: read.append(path.read_text()))
    reader.start()
    write(path)
    reader.join()
    assert read == ["new"]
    assert stat.S_ISFIFO(path.lstat().st_mode)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a device, or break one")
def test_a_device_is_written_to_and_never_replaced(tmp_path):
    path = tmp_path / "null"
    os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    write(path)
    assert stat.S_ISCHR(path.lstat().st_mode)
    assert [one.name for one in tmp_path.iterdir()] == ["null"]


def test_standard_output_is_where_it_leads(tmp_path):
    piped = subprocess.run([sys.executable, "-c", WRITE, "/dev/stdout"], capture_output=True, text=True, check=True)
    assert piped.stdout == "new"
    with (tmp_path / "log").open("w") as log:
        subprocess.run([sys.executable, "-c", WRITE, "/dev/stdout"], stdout=log, check=True)
        assert (os.fstat(log.fileno()).st_nlink, (tmp_path / "log").read_text()) == (1, "new")


@pytest.mark.parametrize("name", ["folder", "absent/out"])
def test_where_nothing_can_be_written_the_error_says_so(tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=r"folder|absent"):
        write(tmp_path / name)


def test_a_record_replaces_the_one_before(tmp_path):
    write_whole(tmp_path / "new", "state.json", {"a": 1})
    write_whole(tmp_path / "new", "state.json", {"a": 2})
    assert (tmp_path / "new" / "state.json").read_text() == '{\n "a": 2\n}\n'
    with replacing(tmp_path / "plain") as file:
        file.write("x")
    assert stat.S_IMODE((tmp_path / "plain").stat().st_mode) & 0o133 == 0


def test_the_file_its_folder_and_the_folder_of_all_runs_are_on_disk(tmp_path, monkeypatch):
    """A capture that is killed by a power cut is gone on with by what lies there: the folder of the run is new, too."""
    synced = []
    real = os.fsync

    def noted(descriptor):
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    folder = tmp_path / "reports" / "run-1"
    write_whole(folder, "state.json", {"stage": "asking"})
    assert synced[0].startswith(".state.json.")
    assert synced[1:] == ["run-1", "reports"]
    assert [path.name for path in folder.iterdir()] == ["state.json"]
