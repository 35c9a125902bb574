"""Who a connection is, and the encryption of its messages: NTLM by pyspnego, Basic over TLS only."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import struct
from pathlib import Path

import spnego
from spnego.channel_bindings import GssChannelBindings
from spnego.exceptions import SpnegoError

PROTOCOL = "application/HTTP-SPNEGO-session-encrypted"
ENCRYPTED_TYPE = f'multipart/encrypted;protocol="{PROTOCOL}";boundary="Encrypted Boundary"'
_BOUNDARY = b"--Encrypted Boundary"
_ORIGINAL = b"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length="
_OCTETS = b"\tContent-Type: application/octet-stream\r\n"


class UndecipherableError(Exception):
    """An encrypted body that is none."""


class Credentials:
    """The one account that may log in, kept in the file that pyspnego's NTLM reads (one line: domain:user:password)."""

    def __init__(self, file: Path) -> None:
        self.file = file
        os.environ["NTLM_USER_FILE"] = str(file)

    @property
    def version(self) -> str:
        """Changes when the password does."""
        return hashlib.sha256(self.file.read_bytes()).hexdigest()

    def basic(self, token: str) -> bool:
        """Whether a Basic token is the account's."""
        try:
            given = base64.b64decode(token, validate=True)
        except binascii.Error:
            return False
        _, user, password = self.file.read_text(encoding="utf-8").splitlines()[0].split(":")
        given_user, _, given_password = given.decode("utf-8", "replace").partition(":")
        same_user = given_user.rpartition("\\")[2].casefold() == user.casefold()
        return hmac.compare_digest(given_password.encode(), password.encode()) and same_user


def write_credentials(file: Path, *, user: str, password: str, computer: str) -> None:
    """Write the account in every way that a client may spell its domain; readable for the owner only."""
    domains = ("", ".", computer, "WORKGROUP")
    lines = "".join(f"{domain}:{user}:{password}\n" for domain in domains)
    partial = file.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.write(lines)
    partial.replace(file)


class Identity:
    """The security context of one connection."""

    def __init__(self, credentials: Credentials, schemes: frozenset[str], certificate: bytes | None) -> None:
        """``schemes`` are those offered; ``certificate`` is the server's, DER-encoded, None without TLS."""
        self._credentials = credentials
        self._schemes = schemes
        self._bindings = None if certificate is None else _bindings(certificate)
        self._secure = certificate is not None
        self._context: spnego.ContextProxy | None = None
        self._scheme = ""
        self._version: str | None = None

    @property
    def challenges(self) -> list[str]:
        """The values of WWW-Authenticate that invite a client."""
        offered = {"negotiate": "Negotiate", "ntlm": "NTLM", "basic": 'Basic realm="WSMAN"'}
        return [text for name, text in offered.items() if name in self._schemes and (name != "basic" or self._secure)]

    @property
    def known(self) -> bool:
        """Whether the connection is authenticated, and the password still that with which it was."""
        return self._version is not None and self._version == self._credentials.version

    @property
    def encrypts(self) -> bool:
        """Whether this connection's messages must be encrypted: with NTLM where TLS does not do it."""
        return not self._secure

    def authenticate(self, header: str) -> list[str] | None:
        """Take an Authorization header: None when the connection is now known, else the challenges to answer with."""
        scheme, _, token = header.partition(" ")
        name = scheme.lower()
        self._version = None
        if name not in self._schemes or (name == "basic" and not self._secure):
            return self.challenges
        if name == "basic":
            self._version = self._credentials.version if self._credentials.basic(token) else None
            return None if self._version else self.challenges
        return self._negotiate(scheme, token)

    def _negotiate(self, scheme: str, token: str) -> list[str] | None:
        try:
            data = base64.b64decode(token, validate=True)
            if self._context is None or self._context.complete or self._scheme != scheme:
                raw = scheme.lower() == "ntlm" or data.startswith(b"NTLMSSP\0")
                self._scheme = scheme
                self._context = spnego.server(
                    protocol="ntlm" if raw else "negotiate",
                    options=spnego.NegotiateOptions.use_ntlm,
                    channel_bindings=self._bindings,
                )
            out = self._context.step(data)
        except (SpnegoError, ValueError, struct.error):
            self._context = None
            return self.challenges
        if not self._context.complete:
            return [f"{scheme} {base64.b64encode(out or b'').decode()}"]
        self._version = self._credentials.version
        return None

    def decrypt(self, body: bytes) -> bytes:
        """The message in an encrypted body. Raises UndecipherableError for anything that is not exactly one."""
        try:
            empty, head, tail, rest = body.split(_BOUNDARY)
            protocol, original, end = head.removeprefix(b"\r\n").split(b"\r\n")
            length = int(original.removeprefix(_ORIGINAL))
            sealed = tail.removeprefix(b"\r\n").removeprefix(_OCTETS)
            if (empty, protocol, end, rest) != (b"", f"\tContent-Type: {PROTOCOL}".encode(), b"", b"--\r\n"):
                raise UndecipherableError
            (size,) = struct.unpack_from("<i", sealed)
            if self._context is None:
                raise UndecipherableError
            message = self._context.unwrap_winrm(sealed[4 : 4 + size], sealed[4 + size :])
        except (ValueError, struct.error, SpnegoError) as problem:
            raise UndecipherableError from problem
        if len(message) != length:
            raise UndecipherableError
        return message

    def encrypt(self, message: bytes) -> bytes:
        """The encrypted body of an answer."""
        if self._context is None:
            raise UndecipherableError
        sealed = self._context.wrap_winrm(message)
        head = f"\r\n\tContent-Type: {PROTOCOL}\r\n".encode()
        length = _ORIGINAL + str(len(message) + sealed.padding_length).encode() + b"\r\n"
        size = struct.pack("<i", len(sealed.header)) + sealed.header
        return b"".join((
            _BOUNDARY, head, length, _BOUNDARY, b"\r\n", _OCTETS, size, sealed.data, _BOUNDARY, b"--\r\n",
        ))  # fmt: skip


def _bindings(certificate: bytes) -> GssChannelBindings:
    """RFC 5929, tls-server-end-point; our certificates are signed with SHA-256."""
    return GssChannelBindings(application_data=b"tls-server-end-point:" + hashlib.sha256(certificate).digest())
