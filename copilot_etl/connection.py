"""What a connection that failed is called: one line with the host, the kind of fault and what to do about it."""

from __future__ import annotations

import ssl

import httpx

from copilot_etl.errors import CopilotEtlError, Unavailable, Unexpected
from copilot_etl.hosts import proxied


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
