"""What is written whole is on disk with the folders that lead to it."""

import os
from pathlib import Path

from imagegate.durable import write_whole


def test_the_file_its_folder_and_the_folder_of_all_runs_are_on_disk(tmp_path, monkeypatch):
    """A capture that is killed by a power cut is gone on with by what lies there: the folder of the run is new, too."""
    synced = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(Path(f"/proc/self/fd/{fd}").readlink().name), real(fd)))
    folder = tmp_path / "reports" / "run-1"
    write_whole(folder, "state.json", {"stage": "asking"})
    assert synced[0].startswith(".state.json.")
    assert synced[1:] == ["run-1", "reports"]
    assert [path.name for path in folder.iterdir()] == ["state.json"]
