"""What the state of the network means, and whether there is any."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from voiced.doctor.asking import Answer, Answered, NoConnection, TimedOut, Unresolved
from voiced.doctor.network import is_local, is_routed, judged, proxy_for
from voiced.doctor.servers import Server, Use

ROUTES = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
DEFAULT = "eth0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
HOUSE = "eth0\t0000A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n"
DEFAULT_6 = f"{'0' * 32} 00 {'0' * 32} 00 fe80{'0' * 28} 00000400 00000001 00000000 00000003     eth0\n"
LOOPBACK_6 = f"{'0' * 32} 00 {'0' * 32} 00 {'0' * 32} ffffffff 00000001 00000000 00200200       lo\n"
OPENAI = Server("https://api.openai.com/v1", (Use("talking"),), "sk-1")


@pytest.mark.parametrize(
    ("answer", "what", "mend"),
    [
        (
            TimedOut(connected=False),
            "no connection to api.openai.com in time",
            "curl -v https://api.openai.com/v1/models",
        ),
        (TimedOut(connected=True), "api.openai.com took the connection, and does not answer", "curl -v https://api."),
        (NoConnection("No route to host"), "no connection to api.openai.com (No route to host)", "curl -v https://"),
        (Unresolved("api.openai.com"), "the name api.openai.com is not found (DNS)", ""),
    ],
    ids=["no connection", "no answer", "no route", "no name"],
)
def test_a_network_that_does_not_work(answer: Answer, what: str, mend: str) -> None:
    [finding] = judged(OPENAI, answer, "", routed=True)
    assert (finding.level, finding.area, finding.what) == ("problem", "network", what)
    assert finding.mend.startswith(mend)
    assert finding.mend


@pytest.mark.parametrize(
    "answer", [Unresolved("api.openai.com"), NoConnection("unreachable"), TimedOut(connected=False)]
)
def test_no_network_at_all(answer: Answer) -> None:
    [finding] = judged(OPENAI, answer, "", routed=False)
    assert finding.what == "this machine has no network"
    assert finding.mend


def test_a_slow_server() -> None:
    answer = Answered(200, 3.21, datetime.now(UTC), models={})
    [finding] = judged(OPENAI, answer, "", routed=True)
    assert (finding.level, finding.what) == ("warning", "api.openai.com took 3.2 s to answer")
    assert finding.mend == "ping -c 5 api.openai.com"


def test_ollama_that_is_not_started() -> None:
    ollama = Server("http://127.0.0.1:11434/v1", (Use("thinking"),))
    [finding] = judged(ollama, NoConnection("Connection refused", refused=True), "", routed=False)
    assert finding.mend == "ollama serve   # start it first"


@pytest.mark.parametrize(
    ("ipv4", "ipv6", "routed"),
    [
        (ROUTES + HOUSE + DEFAULT, "", True),
        (ROUTES + HOUSE, "", False),
        (ROUTES, LOOPBACK_6, False),
        (ROUTES, LOOPBACK_6 + DEFAULT_6, True),
        ("", "", False),
        ("nonsense\nnonsense\n", "nonsense\n", False),
    ],
    ids=["default", "house alone", "loopback", "IPv6 alone", "nothing", "nonsense"],
)
def test_routes(ipv4: str, ipv6: str, *, routed: bool) -> None:
    assert is_routed(ipv4, ipv6) is routed


@pytest.mark.parametrize(
    ("environ", "proxy"),
    [
        ({}, ""),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "http://proxy:3128"),
        ({"https_proxy": "http://me:secret@proxy:3128"}, "http://[redacted]@proxy:3128"),
        ({"ALL_PROXY": "socks5://proxy:1080"}, "socks5://proxy:1080"),
        ({"HTTP_PROXY": "http://proxy:3128"}, ""),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "localhost,.openai.com"}, ""),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "*"}, ""),
        ({"HTTPS_PROXY": ""}, ""),
    ],
    ids=["none", "https", "with a password", "all", "of http", "excepted", "all excepted", "empty"],
)
def test_the_proxy_that_is_in_force(environ: dict[str, str], proxy: str) -> None:
    assert proxy_for("https://api.openai.com/v1", environ) == proxy


@pytest.mark.parametrize(
    ("host", "local"),
    [("localhost", True), ("nas", True), ("nas.local", True), ("192.168.1.2", True), ("::1", True), ("8.8.8.8", False),
     ("api.openai.com", False)],
    ids=["localhost", "short", "mdns", "house", "loopback", "world", "name"],
)  # fmt: skip
def test_what_is_in_this_house(host: str, *, local: bool) -> None:
    assert is_local(host) is local
