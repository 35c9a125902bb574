"""The stand-in's WS-Management endpoint, by plain pywinrm: who is let in, and what a message must be."""

import base64
import json
import xml.etree.ElementTree as ET

import pytest
import requests
from tests.sandbox.windows.client import (
    Envelope,
    create,
    protocol,
    shell,
)  # fmt: skip
from winrm.exceptions import InvalidCredentialsError, WinRMOperationTimeoutError, WinRMTransportError, WSManFaultError

from imagegate.sandbox import windows
from imagegate.sandbox.windows import certificates
from imagegate.transports.windows import script

SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"

# Who is let in


@pytest.mark.parametrize("scheme, transport", [("https", "ntlm"), ("http", "ntlm"), ("https", "basic")])
def test_clients_log_in_by_ntlm_over_both_and_by_basic_over_tls(start, scheme, transport):
    win = start(scheme=scheme, auth=frozenset({"negotiate", "basic"}))
    with shell(win, transport=transport) as opened:
        assert opened.run("echo hello& uname -s")[::2] == (b"hello\r\n", 1)


def test_servers_that_offer_ntlm_by_its_own_name_take_it(start):
    with shell(start(auth=frozenset({"ntlm"}))) as opened:
        assert opened.text("echo x") == "x\r\n"


@pytest.mark.parametrize("transport", ["ntlm", "basic"])
def test_wrong_passwords_are_refused(shared, transport):
    with pytest.raises(InvalidCredentialsError):
        protocol(shared, transport, password="wrong").open_shell()


def test_certificates_are_from_an_authority_of_its_own(shared, tmp_path):
    another = certificates.ensure_authority(tmp_path)
    with pytest.raises(requests.exceptions.SSLError):
        protocol(shared, ca_trust_path=str(another)).open_shell()


def test_nothing_travels_in_the_clear_without_tls(start):
    win = start(scheme="http")
    with pytest.raises(InvalidCredentialsError):
        protocol(win, "basic").open_shell()
    with pytest.raises(WinRMTransportError, match="500"):
        protocol(win, message_encryption="never").open_shell()


def test_who_is_not_known_is_asked_for_credentials_and_not_served(shared):
    client = protocol(shared)
    body = json.dumps(create(client).message)
    for _ in range(4):  # one more than there may be shells
        answer = requests.post(shared.url, data=body, verify=shared.ca_file, timeout=10)
        assert (answer.status_code, answer.content) == (401, b"")
        assert answer.headers["WWW-Authenticate"].split(", ") == ["Negotiate", 'Basic realm="WSMAN"']
    for _ in range(2):
        with shell(shared):
            pass


# What a message must be


def _without(*names):
    def spoil(message):
        for name in names:
            del message.header[name]

    return spoil


def _with(name, value):
    return lambda message: message.header.__setitem__(name, value)


def _option(name, value):
    return _with("w:OptionSet", {"w:Option": [{"@Name": name, "#text": value}]})


URI = {"@mustUnderstand": "true", "#text": f"{SHELL}/powershell"}
SPOILT = {
    "another action": (_with("a:Action", {"@mustUnderstand": "true", "#text": f"{SHELL}/Open"}), 2150858753),
    "no action": (_without("a:Action"), 2150858769),
    "another resource": (_with("w:ResourceURI", URI), 2150858752),
    "no resource": (_without("w:ResourceURI"), 2150858769),
    "resource not marked": (_with("w:ResourceURI", f"{SHELL}/cmd"), 2150858767),
    "no operation timeout": (_without("w:OperationTimeout"), 2150858769),
    "operation timeout in words": (_with("w:OperationTimeout", "20 seconds"), 2150858881),
    "no envelope size": (_without("w:MaxEnvelopeSize"), 2150858769),
    "tiny envelope": (_with("w:MaxEnvelopeSize", {"@mustUnderstand": "true", "#text": "8191"}), 2150858878),
    "no message id": (_without("a:MessageID"), 2150858769),
    "message id without scheme": (_with("a:MessageID", "1234"), 2150858767),
    "reply to somebody": (_with("a:ReplyTo", {"a:Address": "http://example.com"}), 2150858767),
    "selector of a shell": (_with("w:SelectorSet", {"w:Selector": {"@Name": "ShellId", "#text": "1"}}), 2150858843),
    "selector of nothing": (_with("w:SelectorSet", {"w:Selector": {"@Name": "Id", "#text": "1"}}), 2150858843),
    "unknown header": (_with("x:New", {"@mustUnderstand": "true", "#text": "1"}), 2150858768),
    "unknown option": (_option("WINRS_NEW", "1"), 2150858834),
    "code page in words": (_option("WINRS_CODEPAGE", "utf-8"), 2150858835),
    "no body": (lambda message: message.body.clear(), 2150858817),
    "other streams": (lambda message: message.body["rsp:Shell"].update({"rsp:InputStreams": "tty"}), 2150859147),
}  # fmt: skip
TEXTS = {
    "not XML": (lambda text: text[:-9], 2150858817),
    "another SOAP": (lambda text: text.replace("2003/05/soap-envelope", "2001/09/soap-envelope"), 2150858765),
    "another addressing": (lambda text: text.replace("2004/08/addressing", "2005/08/addressing"), 2150858768),
    "a document type": (lambda text: text.replace("<env:Env", "<!DOCTYPE a><env:Env", 1), 2150858817),
}


@pytest.mark.parametrize("name", [*SPOILT, *TEXTS])
def test_messages_that_windows_would_not_take_are_answered_with_faults(shared, name):
    spoil, code = SPOILT.get(name) or TEXTS[name]
    message = create(protocol(shared))
    if name in SPOILT:
        spoil(message)
        assert message.fault() == code
    else:
        assert message.fault(spoil) == code


def test_answers_relate_to_their_requests(shared):
    message = create(protocol(shared))
    root = ET.fromstring(message.send())
    assert root.findtext(".//{*}RelatesTo") == message.header["a:MessageID"]
    shell_id = next(node.text for node in root.iter() if node.get("Name") == "ShellId")
    message.client.close_shell(shell_id)


def test_closed_shells_are_gone(shared):
    client = protocol(shared)
    opened = client.open_shell()
    client.close_shell(opened, close_session=False)
    with pytest.raises(WSManFaultError) as caught:
        client.run_command(opened, "ver")
    assert caught.value.wsman_fault_code == 2150858843


def test_a_user_has_so_many_shells_and_no_more(shared):
    client = protocol(shared)
    opened = [client.open_shell() for _ in range(3)]
    with pytest.raises(WSManFaultError, match="maximum number of 3 concurrent shells") as caught:
        client.open_shell()
    assert caught.value.wsman_fault_code == 2150859173
    for one in opened:
        client.close_shell(one, close_session=False)


def test_bodies_beyond_the_servers_limit_are_refused(shared):
    with shell(shared) as opened:
        command = opened.start("hostname")
        with pytest.raises(WinRMTransportError, match="413"):
            opened.client.send_command_input(opened.id, command, b"x" * 400_000)


def test_lines_too_long_for_cmd_are_refused_by_it(shared):
    with shell(shared) as opened:
        assert opened.run("echo " + "x" * 8186)[2] == 0
        assert opened.run("echo " + "x" * 8187) == (b"", b"The command line is too long.\r\n", 1)


def test_input_that_was_closed_takes_no_more(shared):
    with shell(shared) as opened:
        command = opened.start(script.powershell("n", []).line)
        opened.client.send_command_input(opened.id, command, b"x", end=True)
        with pytest.raises(WSManFaultError, match="being closed") as caught:
            opened.client.send_command_input(opened.id, command, b"x", end=True)
        assert caught.value.wsman_fault_code == 232


def test_input_in_console_mode_never_ends(shared):
    send = script.powershell("n", [])
    with shell(shared, operation_timeout_sec=1) as opened:
        command = opened.start(send.line, console_mode_stdin=True)
        opened.client.send_command_input(opened.id, command, send.stdin, end=True)
        with pytest.raises(WinRMOperationTimeoutError):
            opened.client.get_command_output_raw(opened.id, command)


def test_output_is_cut_to_the_envelope_that_was_asked_for(start):
    win = start()
    with windows.changing(win.folder) as machine:
        for number in range(30):
            windows.store_task(machine.drive, f"\\T{number}", windows.task(name=f"\\T{number}"))
    with shell(win) as opened:
        command = opened.start(script.TASKS)
        parts, sizes = [], []
        while b"</Tasks>" not in b"".join(parts):
            receive = Envelope(opened.client, f"{SHELL}/Receive", shell_id=opened.id)
            receive.body["rsp:Receive"] = {"rsp:DesiredStream": {"@CommandId": command, "#text": "stdout stderr"}}
            receive.header["w:MaxEnvelopeSize"]["#text"] = "10000"
            answer = receive.send()
            sizes.append(len(answer))
            streams = ET.fromstring(answer).iterfind(".//{*}Stream")
            parts += [base64.b64decode(stream.text) for stream in streams if stream.text]
    assert max(sizes) <= 10000
    assert len(sizes) > 3
    assert b"".join(parts).count(b"<!--") == 34
