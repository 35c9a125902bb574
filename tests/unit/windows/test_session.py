"""One exchange over WinRM, with an endpoint that behaves, and with one that does not."""

from __future__ import annotations

import logging
import socket
import threading
import time

import pytest
from tests.unit.windows.endpoint import CLOSED, DEFAULTS, SECRET, TIMED_OUT, Reply, envelope, fault, received

from imagegate.errors import Owner
from imagegate.inventory import Auth
from imagegate.transports.windows import session as session_module
from imagegate.transports.windows import wire
from imagegate.transports.windows.script import Send
from imagegate.transports.windows.session import Lost

LINE = Send(line="echo hello")
GONE = fault(2150858843, "The shell was not found.")


def test_a_command_and_another_one(open_session, endpoint) -> None:
    endpoint.told["Receive"] = [received(b"a", b"b", None), received(b"c", b"", 7), received(b"d")]
    with open_session() as session:
        first = session.run(LINE)
        second = session.run(Send(line="more", stdin=b"input"))
    assert (first.stdout, first.stderr, first.code, first.trouble) == (b"ac", b"b", 7, None)
    assert (second.stdout, second.code) == (b"d", 0)
    assert endpoint.actions == [
        "Create", "Command", "Receive", "Receive", "Signal", "Command", "Send", "Receive", "Delete",
    ]  # fmt: skip
    assert session.requests == len(endpoint.actions)
    assert endpoint.connections == 1


def test_what_is_asked_for(open_session, endpoint) -> None:
    with open_session(limit_s=60) as session:
        session.run(Send(line='echo "a" & b', stdin=b"x" * 100_000))
    create, command, *sends = endpoint.sent[:4]
    assert '<w:Option Name="WINRS_CODEPAGE">65001</w:Option>' in create
    assert '<w:Option Name="WINRS_NOPROFILE">TRUE</w:Option>' in create
    assert "<rsp:IdleTimeOut>PT600S</rsp:IdleTimeOut>" in create
    assert '<w:Option Name="WINRS_CONSOLEMODE_STDIN">FALSE</w:Option>' in command
    assert 'echo "a" &amp; b' in command
    assert ['End="true"' in send for send in sends] == [False, True]
    assert "<w:OperationTimeout>PT20S</w:OperationTimeout>" in command


def test_the_time_that_is_left_is_the_time_that_is_asked_for(open_session, endpoint) -> None:
    with open_session(limit_s=5) as session:
        session.run(LINE)
    assert "<w:OperationTimeout>PT4S</w:OperationTimeout>" in endpoint.sent[0]


NO_SHELL = {
    "no shell id": ("<rsp:Shell/>", "is not what WinRM answers (StopIteration)"),
    "empty shell id": ('<w Name="ShellId"></w>', "gave no shell"),
    "a web page": (Reply(body=b"<html><body>Sign in</body></html>"), "no WinRM endpoint (a web page came)"),
    "another page": (Reply(body=b"<!DOCTYPE html><html><head>"), "no WinRM endpoint (a web page came)"),
    "json": (Reply(body=b'{"a": 1}'), "no WinRM endpoint (what came is no SOAP)"),
    "nothing": (Reply(), "no WinRM endpoint (what came is no SOAP)"),
    "noise": (Reply(body=b"\x00\xff" * 50), "no WinRM endpoint (what came is no SOAP)"),
    "a document type": (Reply(body=b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'), "a document type came, which is refused"),
    "the same in UTF-16": (Reply(body='<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'.encode("utf-16")), "a document type"),
    "a document type in a fault": (Reply(body=b"<!DOCTYPE a><a/>", status=500), "a document type came, which is refused"),
    "too much": (Reply(body=b"<a>" + b"x" * (wire.MAX_ANSWER + 1)), "an answer of more than 4 MiB came"),
    "packed": (Reply(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"}), "what came is no SOAP"),
    "a redirect": (Reply(status=302, headers={"Location": "http://127.0.0.1:1/"}), "a redirect, which is not followed"),
    "404": (Reply(status=404), "no WinRM is served there (HTTP 404)"),
    "503": (Reply(status=503, body=b"<html>Service unavailable</html>"), "not running, or not ready (HTTP 503)"),
    "413": (Reply(status=413), "the endpoint answers HTTP 413"),
    "403": (Reply(status=403), "the endpoint forbids it"),
    "XML that is no fault": (Reply(status=500, body=b"<a/>"), "the endpoint answers HTTP 500"),
    "broken off": (Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<a>"), "closed the connection half way"),
    "no HTTP": (Reply(raw=b"SSH-2.0-OpenSSH\r\n"), "does not speak HTTP"),
    "access denied": (fault(5, "Access is denied."), "Administrator may not use WinRM there: it must be an administrator; it said: Access"),
    "quota": (fault(2150859174), "a quota of its WinRM is used up"),
    "quota of shells": (fault(2150859173), "a quota of its WinRM is used up"),
    "envelope": (fault(2150858824), "its MaxEnvelopeSizekb is too small"),
    "envelope by its name": (fault(1, subcode="w:EncodingLimit"), "its MaxEnvelopeSizekb is too small"),
    "another fault": (fault(42, "Bad \x85 thing"), "WinRM answers with fault 42; it said: Bad"),
    "a fault that is none": (fault("x"), "is not what WinRM answers (ValueError)"),
    "timed out": (TIMED_OUT, "no whole answer within 0 s"),
}  # fmt: skip


@pytest.mark.parametrize("case", NO_SHELL)
def test_no_shell(open_session, endpoint, case: str) -> None:
    endpoint.told["Create"], reason = NO_SHELL[case]
    with pytest.raises(Lost) as caught:
        open_session()
    assert reason in caught.value.trouble.reason
    assert caught.value.trouble.reason.startswith("win-01: ")
    assert caught.value.trouble.owner is (Owner.USER if case == "access denied" else Owner.TARGET)
    assert not caught.value.begun
    assert set(endpoint.actions) == {"Create"}


@pytest.mark.parametrize(
    ("offers", "reason", "owner"),
    [
        ('Negotiate, Kerberos, CredSSP, Basic realm="WSMAN"', "the login of Administrator was rejected: is $WINRM_TEST", Owner.USER),
        ("Negotiate, Kerberos", "does not take auth: basic (it offers: Negotiate, Kerberos)", Owner.USER),
        (None, "does not take auth: basic (it offers: none)", Owner.USER),
    ],
)  # fmt: skip
def test_a_login_that_is_rejected(open_session, endpoint, offers: str | None, reason: str, owner: Owner) -> None:
    endpoint.told["Create"] = Reply(status=401, headers={} if offers is None else {"WWW-Authenticate": offers})
    with pytest.raises(Lost) as caught:
        open_session()
    assert reason in caught.value.trouble.reason
    assert (caught.value.trouble.owner, len(endpoint.actions)) == (owner, 1)


def test_a_password_that_changes_half_way(open_session, endpoint) -> None:
    endpoint.told["Command"] = Reply(status=401, headers={"WWW-Authenticate": 'Basic realm="WSMAN"'})
    with open_session() as session, pytest.raises(Lost) as caught:
        session.run(LINE)
    assert "accepted first and rejected later: was the password changed meanwhile?" in caught.value.trouble.reason
    assert (caught.value.trouble.owner, caught.value.begun) == (Owner.TARGET, False)


@pytest.mark.parametrize(
    ("told", "begun"),
    [
        (CLOSED, True),
        (Reply(body=b"<a/>"), True),
        (Reply(body=b"nonsense"), True),
        (TIMED_OUT, True),
        ("<rsp:CommandId></rsp:CommandId>", True),
        (fault(2150859174), False),
        (fault(5), False),
    ],
)
def test_whether_a_command_may_have_run(open_session, endpoint, told, begun: bool) -> None:
    endpoint.told["Command"] = told
    with open_session() as session, pytest.raises(Lost) as caught:
        session.run(LINE)
    assert caught.value.begun is begun
    assert endpoint.actions.count("Command") == 1
    assert endpoint.actions[-1] == "Delete"


@pytest.mark.parametrize(
    ("told", "reason", "gone"),
    [
        (CLOSED, "closed the connection half way", True),
        (GONE, "its shell was ended half way (WinRM restarted?); it said: The shell was not found.", True),
        (received(b"x", code="nine"), "is not what WinRM answers (ValueError)", False),
        ('<rsp:Stream Name="stdout">abc</rsp:Stream>', "is not what WinRM answers (Error)", False),
        ("<rsp:Stream>YQ==</rsp:Stream>", "is not what WinRM answers (KeyError)", False),
        (DEFAULTS["Receive"].replace("<rsp:ExitCode>0</rsp:ExitCode>", ""), "(StopIteration)", False),
        (fault(2150858823), "its MaxEnvelopeSizekb is too small", False),
    ],
)
def test_output_that_breaks_off(open_session, endpoint, told, reason: str, gone: bool) -> None:
    endpoint.told["Receive"] = [received(b"first", code=None), told]
    with open_session() as session:
        output = session.run(LINE)
    assert (output.stdout, output.code) == (b"first", None)
    assert output.trouble is not None
    assert reason in output.trouble.reason
    assert output.trouble.gone is gone
    assert endpoint.actions[-2:] == ["Signal", "Delete"]


@pytest.mark.parametrize("told", [TIMED_OUT, received(code=None), received(b"tick", code=None)])
def test_at_the_deadline_a_command_is_terminated(open_session, endpoint, told) -> None:
    endpoint.told["Receive"] = told
    with open_session(limit_s=1.0) as session:
        output = session.run(LINE)
    assert output.trouble is not None
    assert output.trouble.reason == "win-01: no whole answer within 1 s"
    assert endpoint.actions[-2:] == ["Signal", "Delete"]
    assert "signal/terminate" in endpoint.sent[-2]


def test_an_answer_that_trickles_ends_at_the_deadline(open_session, endpoint) -> None:
    trickle = threading.Event()

    def hold() -> Reply:
        trickle.wait(30)
        return CLOSED

    endpoint.told["Receive"] = hold
    with open_session(limit_s=1.0) as session:
        output = session.run(LINE)
        assert output.trouble is not None
        assert output.trouble.reason == "win-01: no whole answer within 1 s"
    trickle.set()


def test_a_command_that_writes_too_much_is_cut_and_the_next_one_runs(open_session, endpoint, monkeypatch) -> None:
    monkeypatch.setattr(session_module, "MAX_STREAM", 1000)
    endpoint.told["Receive"] = [received(b"x" * 600, code=None), received(b"y" * 600, code=None), received(b"next")]
    with open_session() as session:
        output = session.run(LINE)
        assert (len(output.stdout), output.code, output.overflow) == (1000, None, True)
        assert output.trouble is not None
        assert "a command wrote more than" in output.trouble.reason
        assert session.run(LINE).stdout == b"next"
    assert endpoint.actions[2:5] == ["Receive", "Receive", "Signal"]


def test_all_output_together_has_a_limit_too(open_session, endpoint, monkeypatch) -> None:
    monkeypatch.setattr(session_module, "MAX_TOTAL", 1000)
    endpoint.told["Receive"] = received(b"x" * 600)
    with open_session() as session:
        assert session.run(LINE).trouble is None
        output = session.run(LINE)
    assert output.trouble is not None
    assert not output.overflow


@pytest.mark.parametrize(
    ("received_", "reason"),
    [
        (received(b"", b"", 1), "fault 232; it said: The pipe is being closed."),
        (received(b"", b"what went wrong", 1), None),
    ],
)
def test_input_that_is_refused(open_session, endpoint, received_: str, reason: str | None) -> None:
    endpoint.told["Send"] = fault(232, "The pipe is being closed.")
    endpoint.told["Receive"] = received_
    with open_session() as session:
        output = session.run(Send(line="x", stdin=b"y"))
    assert (reason is None) is (output.trouble is None)
    assert output.trouble is None or reason in output.trouble.reason


@pytest.mark.parametrize("action", ["Signal", "Delete"])
@pytest.mark.parametrize("told", [CLOSED, GONE, fault(5), TIMED_OUT, Reply(body=b"<a/>"), Reply(body=b"noise")])
def test_trouble_with_leaving_is_no_trouble(open_session, endpoint, action: str, told) -> None:
    endpoint.told[action] = told
    endpoint.told["Receive"] = [received(b"x", code=None), GONE]
    with open_session() as session:
        assert session.run(LINE).stdout == b"x"


def test_an_answer_to_another_question_is_noticed(open_session, endpoint) -> None:
    endpoint.told["Signal"] = Reply(body=envelope("<rsp:SignalResponse/>", "uuid:00000000-0000-0000-0000-000000000000"))
    with open_session() as session:
        session.run(LINE)
        with pytest.raises(Lost, match="AssertionError"):
            session.run(LINE)
    assert endpoint.actions.count("Command") == 1


def test_connections_that_are_refused_at_first(open_session, endpoint) -> None:
    endpoint.refused = 2
    with open_session() as session:
        assert session.run(LINE).code == 0
    assert endpoint.connections == 3


def test_connections_that_stay_refused(open_session, endpoint) -> None:
    endpoint.refused = 99
    with pytest.raises(Lost, match=r"closed the connection before it answered|no TLS with"):
        open_session()
    assert (endpoint.connections, endpoint.actions) == (3, [])


def test_nobody_listens(open_session) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(Lost, match=f"connection refused on 127.0.0.1:{port} "):
            open_session(port=port)


def test_a_name_that_nobody_knows(open_session) -> None:
    with pytest.raises(Lost, match=r"the name no-such-host.invalid is not resolved"):
        open_session(address="no-such-host.invalid")


def test_an_address_that_no_host_can_have(open_session) -> None:
    with pytest.raises(Lost, match=r"is no name that a host can have|is not resolved") as caught:
        open_session(address="a" * 70 + "\u0301.example")
    assert not caught.value.begun


def test_a_port_that_does_not_speak_tls(open_session) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(Lost, match="does not speak TLS"):
            open_session(port=server.getsockname()[1])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ca_file": None}, "is not trusted: .*name the certificate of its authority with ca_file"),
        ({"address": "127.0.0.2"}, "connection refused|address must be a name that stands in it"),
    ],
)
def test_a_certificate_that_is_not_trusted(open_session, endpoint, changes, reason: str) -> None:
    with pytest.raises(Lost, match=reason):
        open_session(**changes)
    assert endpoint.actions == []


def test_a_certificate_for_another_name(open_session, endpoint, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", endpoint.host.port))])  # fmt: skip
    with pytest.raises(Lost, match=r"not trusted: .*address must be a name that stands in it"):
        open_session(address="other.example")
    assert endpoint.actions == []


def test_certificates_are_not_checked_only_where_the_inventory_says_so(open_session, recwarn) -> None:
    with open_session(ca_file=None, certificate_checking=False) as session:
        assert session.run(LINE).code == 0
    assert recwarn.list == []


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_ca_file_that_is_none(open_session, tmp_path, content: str | None) -> None:
    file = tmp_path / "my-ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(Lost, match=r"my-ca.pem holds no certificates that can be read") as caught:
        open_session(ca_file=file)
    assert caught.value.trouble.owner is Owner.USER


def test_proxies_and_certificates_of_the_environment_are_left_alone(
    open_session, monkeypatch, recwarn, tmp_path
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    with open_session() as session:
        assert session.run(LINE).code == 0
    assert recwarn.list == []


@pytest.mark.parametrize("value", [None, ""])
def test_a_password_that_is_not_set(open_session, monkeypatch, value: str | None) -> None:
    monkeypatch.delenv("WINRM_TEST")
    if value is not None:
        monkeypatch.setenv("WINRM_TEST", value)
    with pytest.raises(
        Lost, match="the environment variable WINRM_TEST, which holds its password, is not set"
    ) as caught:
        open_session()
    assert caught.value.trouble.owner is Owner.USER


def test_an_inventory_of_somebody_else_has_no_password(open_session) -> None:
    with pytest.raises(Lost, match="needs user and password_env"):
        open_session(password_env=None)


def test_kerberos_without_its_software(open_session, monkeypatch) -> None:
    monkeypatch.setattr("winrm.transport.HAVE_KERBEROS", False)
    with pytest.raises(Lost, match=r"pip install imagegate\[kerberos\]") as caught:
        open_session(auth=Auth.KERBEROS)
    assert caught.value.trouble.owner is Owner.USER


def test_basic_never_goes_over_plain_http(open_session, endpoint) -> None:
    with pytest.raises(Lost, match="message encryption"):
        open_session(scheme="http")
    assert endpoint.actions == []


def test_the_password_is_said_nowhere(open_session, endpoint, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    endpoint.told["Receive"] = fault(42, f"wrong: {SECRET}")
    with open_session() as session:
        output = session.run(LINE)
        assert SECRET not in repr(vars(session))
        assert SECRET not in repr(session)
    assert output.trouble is not None
    assert "wrong: ***" in output.trouble.reason
    assert SECRET not in caplog.text


def test_nobody_quotes_an_answer_behind_our_back(open_session, endpoint) -> None:
    endpoint.told["Create"] = fault(42, "x" * 5000 + "\x1b[31m".replace("\x1b", "&#xE9;"))
    with pytest.raises(Lost) as caught:
        open_session()
    assert len(str(caught.value)) < 400
    assert caught.value.__context__ is None


def test_somebody_else_ends_it(open_session, endpoint, stop) -> None:
    asked, held, over = threading.Event(), threading.Event(), threading.Event()

    def hold() -> Reply:
        asked.set()
        held.wait(10)
        over.set()
        return CLOSED

    endpoint.told["Receive"] = hold
    session = open_session(limit_s=60)

    def end() -> None:
        asked.wait(30)
        stop.set()
        session.abort()

    threading.Thread(target=end).start()
    output = session.run(LINE)
    assert not over.is_set()
    assert output.trouble is not None
    assert (output.trouble.reason, output.trouble.owner) == ("win-01: the run was interrupted", Owner.USER)
    session.close()
    held.set()
    assert endpoint.actions[-1] == "Receive"


def test_what_a_password_can_be_guessed_from_is_not_logged(open_session, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.NOTSET, "spnego")
    assert logging.getLogger("spnego._ntlm").isEnabledFor(logging.DEBUG)
    open_session()
    assert not logging.getLogger("spnego._ntlm").isEnabledFor(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "spnego")  # who asks for it gets it
    open_session()
    assert logging.getLogger("spnego._ntlm").isEnabledFor(logging.DEBUG)


def test_no_time_no_question(open_session, endpoint) -> None:
    with pytest.raises(Lost, match="no whole answer within"):
        open_session(limit_s=-1)
    assert endpoint.actions == []


def test_sessions_leave_no_threads(open_session) -> None:
    with open_session() as session:
        session.run(LINE)
    deadline = time.monotonic() + 120
    while watchdogs := [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]:
        assert time.monotonic() < deadline, watchdogs
        time.sleep(0.01)
