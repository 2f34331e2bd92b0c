"""The way to the servers: names, routes, proxies, and whether they prove who they are."""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, assert_never
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # not in typeshed

from voiced import installing
from voiced.doctor import clock
from voiced.doctor.asking import (
    Answer,
    Answered,
    Impossible,
    NoConnection,
    NotTls,
    ProxyTrouble,
    TimedOut,
    Unresolved,
    Untrusted,
)
from voiced.doctor.finding import Finding, Level
from voiced.doctor.programs import is_there
from voiced.doctor.servers import Server
from voiced.redaction import redacted

SLOW_S: Final = 2.0

_SELF_SIGNED: Final = (18, 19)
_NO_ISSUER: Final = (20, 21)
_NOT_YET: Final = 9
_EXPIRED: Final = 10
_WRONG_NAME: Final = (62, 64)
"""X509_V_ERR_… of OpenSSL."""


def judged(server: Server, answer: Answer, proxy: str, routed: bool) -> Iterator[Finding]:
    """`proxy`: what the request went through, "" for none. `routed`: whether there is a way out of this machine."""
    level: Level = "problem" if server.needed else "warning"
    host, curl = server.host, f"curl -v {shlex.quote(server.url)}/models"
    why = f"It is for {server.purpose}."
    through = f" through the proxy {proxy}" if proxy else ""
    match answer:
        case Answered():
            yield from _answered(server, answer, level, through)
        case _ if not routed and not is_local(host):
            mend = "nmcli device wifi connect NAME --ask   # or plug in its cable"
            mend = mend if is_there("nmcli") else "ip address   # plug in its cable, or see `sudo raspi-config`"
            why = "The cloud can't be reached; what works offline goes on."
            yield Finding(level, "network", "this machine has no network", why, mend)
        case Unresolved() if not proxy:
            note = "" if server.is_openai else " Is the address in the settings right?"
            yield Finding(level, "network", f"the name {host} is not found (DNS)", why + note, mend_names())
        case Unresolved():
            yield _proxy_trouble(level, proxy, "its name is not found")
        case NoConnection(refused=True) if proxy:
            yield _proxy_trouble(level, proxy, "nobody answers there")
        case NoConnection(refused=True) if is_local(host):
            start = "ollama serve" if urlsplit(server.url).port == 11434 else curl
            yield Finding(level, "network", f"no server runs at {server.url}", why, f"{start}   # start it first")
        case NoConnection():
            yield Finding(level, "network", f"no connection to {host}{through} ({answer.reason})", why, curl)
        case TimedOut(connected=False):
            reason = "A firewall that drops what it does not like looks like that; so does a network that is down."
            yield Finding(level, "network", f"no connection to {host}{through} in time", reason, curl)
        case TimedOut():
            yield Finding(level, "network", f"{host} took the connection{through}, and does not answer", why, curl)
        case Untrusted():
            yield _untrusted(server, answer, level, why)
        case NotTls():
            what = f"{server.url} does not speak TLS"
            yield Finding(
                level, "network", what, why, f"curl -v {shlex.quote(_plain(server.url))}   # write http:// then"
            )
        case ProxyTrouble():
            yield _proxy_trouble(level, proxy, answer.reason)
        case Impossible():
            mend = (
                f"{installing.a_library('httpx2[socks]')}   # or: unset ALL_PROXY" if "socks" in answer.reason else curl
            )
            yield Finding(level, "network", f"{host} can't be asked: {redacted(answer.reason)}", why, mend)
        case _:
            assert_never(answer)


def proxy_for(url: str, environ: Mapping[str, str]) -> str:
    """The proxy that requests to `url` go through, without its password; "" for none."""
    named = {name.lower(): value for name, value in environ.items() if name.lower().endswith("_proxy") and value}
    if "REQUEST_METHOD" in environ:
        named.pop("http_proxy", None)  # of a header then, as CGI has it
    parts = urlsplit(url)
    proxy = named.get(f"{parts.scheme}_proxy") or named.get("all_proxy", "")
    if not proxy or proxy_bypass_environment(parts.netloc, {"no": named.get("no_proxy", "")}):
        return ""
    return redacted(proxy)


def misguided_proxy(server: Server, proxy: str) -> Finding | None:
    """A server in this house that is asked through a proxy, which is not likely to be in it."""
    if not proxy or not is_local(server.host):
        return None
    what = f"{server.url} is asked through the proxy {proxy}"
    mend = f'export NO_PROXY="$NO_PROXY,{server.host}"'
    return Finding("warning", "network", what, "A proxy does not know the servers of this machine or house.", mend)


def is_routed(ipv4: str, ipv6: str) -> bool:
    """Whether there is a way out, by /proc/net/route and /proc/net/ipv6_route."""
    for line in ipv4.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 7 and fields[1] == fields[7] == "00000000":
            return True
    for line in ipv6.splitlines():
        fields = line.split()
        if len(fields) > 9 and fields[0] == "0" * 32 and fields[1] == "00" and fields[9] != "lo":
            return True
    return False


def routed_here() -> bool:
    """True where nobody can tell."""
    texts = []
    for path in ("/proc/net/route", "/proc/net/ipv6_route"):
        try:
            texts.append(Path(path).read_text())
        except OSError:
            texts.append("")
    return is_routed(*texts) if any(texts) else True


def mend_names() -> str:
    """Whatever looks up names here, started anew."""
    for program, service in (("resolvectl", "systemd-resolved"), ("nmcli", "NetworkManager")):
        if is_there(program):
            return f"sudo systemctl restart {service}   # and look whether other machines here reach the internet"
    return "cat /etc/resolv.conf   # the name server in it does not know; start the router anew, or name another one"


def is_local(host: str) -> bool:
    """Of this machine or house, as far as the name tells."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith((".local", ".lan", ".home.arpa")) or "." not in host
    return address.is_private


def _answered(server: Server, answer: Answered, level: Level, through: str) -> Iterator[Finding]:
    curl = f"curl -v {shlex.quote(server.url)}/models"
    if 300 <= answer.status < 400:
        what = f"{server.url} sends one on to {answer.location or 'nowhere'}"
        why = "The address is not the right one; or this network wants you to log in first, in a browser."
        yield Finding(level, "network", what, why, curl)
    elif answer.status == 200 and answer.models is None:
        what = f"{server.host} answers with something else than a list of models"
        why = "A network that wants you to log in first does that, in a browser; or the address is not the right one."
        yield Finding(level, "network", what, why, curl)
    elif answer.status == 407:
        yield _proxy_trouble(level, through.rpartition(" ")[2], "it wants a name and a password")
    elif answer.status >= 500:
        what = f"{server.host} is in trouble (HTTP {answer.status})"
        mend = f"{curl}   # try again later; https://status.openai.com" if server.is_openai else curl
        yield Finding("warning", "network", what, "That is its own fault, and passes.", mend)
    elif answer.took_s > SLOW_S:
        what = f"{server.host} took {answer.took_s:.1f} s to answer{through}"
        yield Finding(
            "warning", "network", what, "In a conversation each answer begins so late.", f"ping -c 5 {server.host}"
        )
    else:
        yield Finding("ok", "network", f"{server.host} answers within {max(answer.took_s, 0.1):.1f} s{through}")


def _untrusted(server: Server, answer: Untrusted, level: Level, why: str) -> Finding:
    host, curl = server.host, f"curl -v {shlex.quote(server.url)}/models"
    dated = answer.code in (_NOT_YET, _EXPIRED)
    if dated and (answer.date is None or abs(answer.at - answer.date) > clock.WRONG):
        what = f"the certificate of {host} looks {'expired' if answer.code == _EXPIRED else 'not yet valid'}"
        if answer.date is not None:
            return Finding(level, "network", what, "The clock of this machine is why.", clock.MEND)
        return Finding(level, "network", what, f"It says {answer.at:%Y-%m-%d} here: is that right?", clock.MEND)
    if dated:
        state = "has expired" if answer.code == _EXPIRED else "is not yet valid"
        mend = f"{curl}   # whoever runs the server must renew it"
        return Finding(level, "network", f"the certificate of {host} {state}", f"{why} The clock is right.", mend)
    if answer.code in _SELF_SIGNED or answer.code in _NO_ISSUER:
        signed = (
            "signed by itself" if answer.code in _SELF_SIGNED else "signed by somebody whom this machine does not know"
        )
        reason = f"{why} If the server is yours, or your network looks into connections, name the certificate's file."
        mend = "export SSL_CERT_FILE=/path/to/that.pem"
        if server.is_openai:
            mend += "   # or, if this machine lacks the usual ones: sudo apt-get install ca-certificates"
        return Finding(level, "network", f"the certificate of {host} is {signed}", reason, mend)
    if answer.code in _WRONG_NAME:
        what = f"the server at {host} has a certificate for another name"
        return Finding(level, "network", what, f"{why} The address is wrong, or somebody is in between.", curl)
    return Finding(level, "network", f"{host} can't prove that it is who it says ({answer.reason})", why, curl)


def _proxy_trouble(level: Level, proxy: str, reason: str) -> Finding:
    what = f"the proxy {proxy} does not work: {redacted(reason)}"
    why = "It is named in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, and all that goes to the cloud goes through it."
    mend = "unset HTTPS_PROXY https_proxy HTTP_PROXY http_proxy ALL_PROXY all_proxy   # or mend its address"
    return Finding(level, "network", what, why, mend)


def _plain(url: str) -> str:
    return f"http{url.removeprefix('https')}/models"
