"""A connection: whom it trusts, how it is read, and what one that failed is called.

That is one line with the host, the kind of fault and what to do about it.
"""

from __future__ import annotations

import ssl

import httpcore
import httpx

from copilot_etl.errors import CopilotEtlError, Unavailable, Unexpected
from copilot_etl.hosts import proxied

# To hand a block on through httpcore and httpx costs as much as to read 64 KiB, which they read otherwise. Without
# _Gathering more would be worse: OpenSSL would be given room for a mebibyte and fill 16 KiB of it.
httpcore.HTTP11Connection.READ_NUM_BYTES = 2**20


class _Gathering(ssl.SSLSocket):
    """Hands out all that is here: OpenSSL gives 16 KiB at a time, for each of which four threads would take turns."""

    _space = bytearray()
    _fault: OSError | None = None

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        if self._fault:
            raise self._fault
        if len(self._space) < buflen:
            self._space = bytearray(buflen)
        space, timeout = memoryview(self._space), self.gettimeout()
        size = last = self.recv_into(space, buflen, flags)
        self.settimeout(0.0)
        try:
            while last and size < buflen:
                last = self.recv_into(space[size:], buflen - size, flags)
                size += last
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError as error:
            self._fault = error  # what came before it is handed out first
        finally:
            self.settimeout(timeout)
        return bytes(space[:size])


def trusted() -> ssl.SSLContext:
    """The authorities that everybody trusts, or those of SSL_CERT_FILE."""
    context = httpx.create_ssl_context()
    context.sslsocket_class = _Gathering
    return context


def broken(error: Exception, url: httpx.URL, said: str, remedy: str) -> CopilotEtlError:
    """The error for `said` (scope, day and what was tried at which host).

    The error's own text may hold the address, and its chain the request with its headers: neither is taken over.
    A certificate that does not hold is no better a second later, so it is Unexpected; all else is Unavailable.
    """
    if reason := _certificate_fault(error):
        return Unexpected(f"{said}: {reason}. Nothing turns this check off; for a CA of your own set SSL_CERT_FILE.")
    if proxied(url):
        return Unavailable(f"{said} through the proxy ({type(error).__name__}). Check HTTPS_PROXY and NO_PROXY.")
    return Unavailable(f"{said} ({type(error).__name__}). {remedy}")


def _certificate_fault(error: BaseException | None) -> str:
    """OpenSSL's own words for why it does not trust the other side; empty when that is not the fault."""
    while error:
        if isinstance(error, ssl.SSLCertVerificationError):
            # "Hostname mismatch, certificate is not valid for 'x'." names the host a second time.
            return (error.verify_message or "its certificate is not valid").partition(",")[0].rstrip(".").lower()[:60]
        error = error.__cause__ or error.__context__
    return ""
