"""What the tests of the stand-in for Windows use as a client: plain pywinrm."""

import base64
import time
import uuid
import warnings
from contextlib import contextmanager

import winrm
import xmltodict
from winrm.exceptions import WSManFaultError

from imagegate.transports.windows import script
from imagegate.transports.windows.script import Request

CONF = r"C:\Program Files\Cloudbase Solutions\Cloudbase-Init\conf"
SYSPREP = r"C:\Windows\System32\Sysprep\sysprep.exe /generalize /oobe {} /quiet /unattend:Unattend.xml"
STATE = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State"


def protocol(win, transport="ntlm", **more):
    """A client for an instance; its certificate authority is trusted, unless told otherwise."""
    given = {
        "username": win.user,
        "password": win.password,
        "ca_trust_path": str(win.ca_file) if win.ca_file else None,
        "proxy": None,
        "operation_timeout_sec": 20,
        "read_timeout_sec": 30,
    }
    return winrm.Protocol(win.url, transport=transport, **(given | more))


class Shell:
    """One shell."""

    def __init__(self, client, code_page):
        self.client = client
        self.id = client.open_shell(codepage=code_page, noprofile=True)

    def start(self, line, **more):
        return self.client.run_command(self.id, line, **({"console_mode_stdin": False} | more))

    def run(self, line, stdin=None):
        """Standard output, standard error and exit code."""
        command = self.start(line)
        if stdin is not None:
            self.client.send_command_input(self.id, command, stdin, end=True)
        found = self.client.get_command_output(self.id, command)
        self.client.cleanup_command(self.id, command)
        return found

    def text(self, line):
        """Standard output of a command that succeeds."""
        out, err, code = self.run(line)
        assert (err, code) == (b"", 0)
        return out.decode()

    def ask(self, *requests):
        """Answers of the PowerShell program, by request: lists of (field, value)."""
        send = script.powershell("n0", [Request(verb=verb, words=words) for verb, *words in requests])
        out, err, code = self.run(send.line, send.stdin)
        assert (err, code) == (b"", 0)
        answers = [[] for _ in requests]
        *lines, done, empty = out.decode("ascii").split("\r\n")
        assert (done, empty) == ("n0 done", "")
        for line in lines:
            nonce, index, field, *value = line.split(" ")
            assert nonce == "n0"
            if field != "end":
                answers[int(index)].append((field, base64.b64decode(value[0]).decode("utf-8", "replace")))
        return answers

    def image_state(self):
        """The state in the registry."""
        return self.text(script.reg_query(STATE)).split("REG_SZ")[1].strip()


@contextmanager
def shell(win, *, transport="ntlm", code_page=65001, **more):
    """A shell, closed at the end where the instance still answers."""
    client = protocol(win, transport, **more)
    opened = Shell(client, code_page)
    yield opened
    client.close_shell(opened.id)


def within(seconds, condition):
    """Wait until ``condition`` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


class Envelope:
    """A message of pywinrm's own making, to be spoilt."""

    def __init__(self, client, action, *, shell_id=None, options=None, body=None):
        self.client = client
        self.message = {
            "env:Envelope": client.build_wsman_header(
                action=action,
                resource_uri="http://schemas.microsoft.com/wbem/wsman/1/windows/shell/cmd",
                shell_id=shell_id,
                message_id=uuid.uuid4(),
            )
        }
        if options is not None:
            wanted = [{"@Name": name, "#text": value} for name, value in options.items()]
            self.header["w:OptionSet"] = {"w:Option": wanted}
        self.message["env:Envelope"]["env:Body"] = body or {}

    @property
    def header(self):
        return self.message["env:Envelope"]["env:Header"]

    @property
    def body(self):
        return self.message["env:Envelope"]["env:Body"]

    def send(self, change=lambda text: text):
        return self.client.send_message(change(xmltodict.unparse(self.message)))

    def fault(self, change=lambda text: text):
        """The code of the fault that answers it."""
        with warnings.catch_warnings():
            try:
                self.send(change)
            except WSManFaultError as problem:
                return problem.wsman_fault_code
        return None


def create(client):
    """A Create as pywinrm sends it."""
    return Envelope(
        client,
        "http://schemas.xmlsoap.org/ws/2004/09/transfer/Create",
        options={"WINRS_NOPROFILE": "TRUE", "WINRS_CODEPAGE": "65001"},
        body={"rsp:Shell": {"rsp:InputStreams": "stdin", "rsp:OutputStreams": "stdout stderr"}},
    )


def task_xml(declared="UTF-16", arguments="/renew"):
    """A task as a client writes it."""
    return (
        f'<?xml version="1.0" encoding="{declared}"?>\r\n'
        '<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">\r\n'
        "<Triggers><BootTrigger/></Triggers>"
        '<Principals><Principal id="A"><UserId>S-1-5-18</UserId></Principal></Principals>'
        f'<Actions Context="A"><Exec><Command>ipconfig</Command><Arguments>{arguments}</Arguments></Exec></Actions>'
        "</Task>\r\n"
    )


TASK_FILE = r"C:\Windows\Temp\task.xml"
CREATE_TASK = rf'schtasks /create /tn "\Mine" /xml "{TASK_FILE}" /ru SYSTEM'
