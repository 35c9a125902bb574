"""Where a Windows guest shows how far Setup and sysprep came, and whether it waits for a restart.

Source of the paths: Microsoft, "Windows Setup States", "Sysprep Process Overview", "Use Answer Files with Sysprep";
NHN Cloud image guide, "Windows Sysprep".
"""

from __future__ import annotations

from typing import Final

from imagegate.probes.answer_file import AnswerFile
from imagegate.probes.registry import Registry
from imagegate.probes.windows_file import WindowsFile

_SYSPREP: Final = r"C:\Windows\System32\Sysprep"
_CONF: Final = r"Cloudbase-Init\conf\Unattend.xml"

GENERALIZED: Final = "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"
"""``ImageState`` of an installation that was generalised and not started since."""

COMPLETE: Final = "IMAGE_STATE_COMPLETE"
"""``ImageState`` of an installation in use."""

IMAGE_STATE = Registry(path=r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State", name="ImageState")
SUCCESS_TAG = WindowsFile(path=rf"{_SYSPREP}\Sysprep_succeeded.tag")
SETUP_ERRORS = WindowsFile(path=rf"{_SYSPREP}\Panther\setuperr.log", tail=8192)
SETUP_ACTIONS = WindowsFile(path=rf"{_SYSPREP}\Panther\setupact.log", tail=2048)

ANSWER_FILE = AnswerFile(path=rf"C:\Program Files\Cloudbase Solutions\{_CONF}")
"""In the folder where the documented command is run, and where Cloudbase-Init installs itself."""

OTHER_ANSWER_FILE = AnswerFile(path=rf"C:\Program Files\Cloud Solutions\{_CONF}")
"""As one note of the same guide spells it."""

SERVICING_REBOOT = Registry(
    path=r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending"
)
UPDATE_REBOOT = Registry(
    path=r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired"
)
FILE_RENAMES = Registry(
    path=r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager", name="PendingFileRenameOperations"
)
REBOOT_SIGNS: Final = (SERVICING_REBOOT, UPDATE_REBOOT, FILE_RENAMES)
"""Each of them present: Windows waits for a restart."""
