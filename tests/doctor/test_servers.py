"""Servers that are not there, are not believed, refuse the key, or tell another time: asked for real, on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from tests.doctor.conftest import MakeCase
from tests.doctor.stranger import CERTIFICATES, Stranger
from voiced.config import Loaded
from voiced.doctor.asking import ask
from voiced.doctor.case import Case
from voiced.doctor.examination import of_servers
from voiced.doctor.finding import Finding
from voiced.doctor.servers import Server, Use, servers
from voiced.testing.http import Fault, HttpLoopback
from voiced.testing.http.faults import Answer, forbidden, html_page, no_credit, server_error

KEY = "sk-proj-0123456789abcdef"
MEND = "export OPENAI_API_KEY=…"


def server(url: str, key: str = KEY, model: str = "gpt-realtime-2.1") -> Server:
    return Server(url, (Use("talking", (model,), "realtime.model"),), key, MEND)


def told(case: Case, one: Server) -> list[Finding]:
    return list(of_servers(case, [one], [ask(one)]))


def wrong(found: list[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.level in ("problem", "warning")]


async def told_of(case: Case, url: str, **options: str) -> list[Finding]:
    return await asyncio.to_thread(told, case, server(url, **options))


async def test_all_is_well(case: MakeCase) -> None:
    async with HttpLoopback(valid_key=KEY) as there:
        found = await told_of(case(), there.base_url)
    network, *rest = [(each.level, each.area, each.what) for each in found]
    assert network[:2] == ("ok", "network")
    assert re.fullmatch(r"127\.0\.0\.1 answers within \d+\.\d s", network[2])
    assert rest == [
        ("ok", "key", "accepted by 127.0.0.1"),
        ("ok", "models", "127.0.0.1 has those that are configured"),
        ("ok", "clock", "right, by the clock of 127.0.0.1"),
    ]


async def test_a_key_that_is_refused(case: MakeCase) -> None:
    async with HttpLoopback(valid_key="sk-another-0123456789") as there:
        [finding] = wrong(await told_of(case(), there.base_url))
    assert finding == Finding("problem", "key", "127.0.0.1 does not accept the key", "It is for talking.", MEND)


async def test_a_server_that_wants_a_key(case: MakeCase) -> None:
    async with HttpLoopback(valid_key=KEY) as there:
        [finding] = wrong(await told_of(case(), there.base_url, key=""))
    assert finding.what == "127.0.0.1 wants a key, and none is configured for it"
    assert finding.mend == MEND


@pytest.mark.parametrize(
    ("answer", "area", "what"),
    [
        (forbidden(), "key", "127.0.0.1 does not let this key in: Country, region, or territory not supported"),
        (no_credit(), "key", "the account at 127.0.0.1 has no credit left"),
        (server_error(), "network", "127.0.0.1 is in trouble (HTTP 500)"),
        (html_page(), "network", "127.0.0.1 answers with something else than a list of models"),
        (Answer(302, headers={"Location": "http://login.hotel/"}), "network", "sends one on to http://login.hotel/"),
        (Answer(200, b"[" * 5000), "network", "127.0.0.1 answers with something else than a list of models"),
    ],
    ids=["403", "no credit", "500", "web page", "redirect", "garbage"],
)
async def test_other_refusals(answer: Answer, area: str, what: str, case: MakeCase) -> None:
    async with HttpLoopback(faults=[Fault(answer, on="models")]) as there:
        found = await told_of(case(), there.base_url)
    [finding] = wrong(found)
    assert finding.area == area
    assert what in finding.what
    assert finding.mend
    assert "key" not in [each.area for each in found if each.level == "ok"], "nobody accepted it"


def test_a_restricted_key_is_not_called_wrong(case: MakeCase) -> None:
    body = b'{"error": {"message": "You have insufficient permissions. Missing scopes: api.model.read"}}'
    with Stranger(status=403, body=body) as there:
        found = told(case(), server(there.base_url))
    assert wrong(found) == []
    assert ("note", "the key for 127.0.0.1 may not list models") in [(each.level, each.what) for each in found]


def test_an_address_that_lacks_its_v1(case: MakeCase) -> None:
    with Stranger(status=404, body=b"") as there:
        [finding] = wrong(told(case(), server(there.base_url.removesuffix("/v1"))))
        assert finding.mend.startswith(f"curl -v {there.base_url}/models   # if that works, put /v1")
        assert wrong(told(case(), server(there.base_url))) == [], "some servers have no such list"


@pytest.mark.parametrize(
    ("off", "words"), [(timedelta(hours=3), "3 hours slow"), (timedelta(minutes=-5), "5 minutes fast")]
)
def test_a_clock_that_is_wrong(off: timedelta, words: str, case: MakeCase) -> None:
    with Stranger(off=off) as there:
        [finding] = wrong(told(case(), server(there.base_url)))
    assert finding.what == f"the clock of this machine is {words}, by that of 127.0.0.1"
    assert finding.mend == "sudo timedatectl set-ntp true   # and wait a minute"


def test_one_server_with_a_wrong_clock_does_not_outvote_another(case: MakeCase) -> None:
    with Stranger(off=timedelta(hours=3)) as liar, Stranger() as honest:
        other = Server(honest.base_url.replace("127.0.0.1", "localhost"), (Use("thinking"),))
        both = [server(liar.base_url), other]
        found = list(of_servers(case(), both, [ask(each) for each in both]))
    assert [each.level for each in found if each.area == "clock"] == ["ok"]


def test_a_server_that_signed_its_certificate_itself(case: MakeCase) -> None:
    with Stranger(certificate="good.pem") as there:
        [finding] = wrong(told(case(), server(there.base_url)))
        assert there.keys == [None], "who is not believed is told no key"
    assert finding.what == "the certificate of 127.0.0.1 is signed by itself"
    assert finding.mend == "export SSL_CERT_FILE=/path/to/that.pem"


def test_a_certificate_that_is_named(case: MakeCase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATES / "good.pem"))
    with Stranger(certificate="good.pem") as there:
        assert wrong(told(case(), server(there.base_url))) == []
        assert there.keys == [f"Bearer {KEY}"]


@pytest.mark.parametrize(
    ("certificate", "off", "what", "mend"),
    [
        ("expired.pem", timedelta(), "the certificate of 127.0.0.1 has expired", "curl -v"),
        ("expired.pem", timedelta(days=-3000), "looks expired", "sudo timedatectl set-ntp true"),
        ("not_yet_valid.pem", timedelta(), "the certificate of 127.0.0.1 is not yet valid", "curl -v"),
        ("not_yet_valid.pem", timedelta(days=35_000), "looks not yet valid", "sudo timedatectl set-ntp true"),
        ("another_name.pem", timedelta(), "the server at 127.0.0.1 has a certificate for another name", "curl -v"),
    ],
)
def test_certificates_out_of_date(
    certificate: str, off: timedelta, what: str, mend: str, case: MakeCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the server or this machine is wrong is told by the time that the server tells."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATES / certificate))
    with Stranger(certificate=certificate, off=off) as there:
        found = wrong(told(case(), server(there.base_url)))
        assert there.keys in ([None], [])
    assert what in found[0].what
    assert found[0].mend.startswith(mend)
    assert [each.area for each in found] == (["network", "clock"] if off else ["network"])


def test_a_server_that_speaks_no_tls(case: MakeCase) -> None:
    with Stranger() as there:
        [finding] = wrong(told(case(), server(there.base_url.replace("http:", "https:"))))
    assert "does not speak TLS" in finding.what
    assert finding.mend == f"curl -v {there.base_url}/models   # write http:// then"


def test_a_name_that_nobody_knows(case: MakeCase) -> None:
    [finding] = wrong(told(case(), server("http://no-such-host.invalid/v1")))
    assert finding.area == "network"
    assert "no-such-host.invalid is not found (DNS)" in finding.what or finding.what == "this machine has no network"
    assert finding.mend


def test_no_server_at_that_port(case: MakeCase) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/v1"
        [finding] = wrong(told(case(), server(url)))
    assert (finding.level, finding.what) == ("problem", f"no server runs at {url}")
    assert finding.mend == f"curl -v {url}/models   # start it first"


def test_a_server_that_breaks_the_connection(case: MakeCase) -> None:
    with _mute() as url:
        [finding] = wrong(told(case(), server(url)))
    assert finding.what.startswith("no connection to 127.0.0.1 (")
    assert finding.mend == f"curl -v {url}/models"


def test_a_server_for_plugins_alone_is_no_problem_of_the_conversation(case: MakeCase) -> None:
    with Stranger(status=401, body=b"") as there:
        [finding] = wrong(told(case(), Server(there.base_url, (Use("plugins", brain=False),), KEY, MEND)))
    assert finding.level == "warning"


# Proxies.


def test_a_proxy_that_is_not_there(case: MakeCase, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        proxy = f"http://ada:secret-word@127.0.0.1:{nobody.getsockname()[1]}"
        monkeypatch.setenv("HTTP_PROXY", proxy)
        one = case()
        one.environ["HTTP_PROXY"] = proxy  # type: ignore[index]
        [finding] = wrong(told(one, server("http://api.example.org/v1")))
    assert finding.what.startswith("the proxy http://[redacted]@127.0.0.1:")
    assert finding.what.endswith("does not work: nobody answers there")
    assert "secret-word" not in str(finding)
    assert finding.mend.startswith("unset HTTPS_PROXY https_proxy HTTP_PROXY")


def test_a_proxy_that_wants_a_password(case: MakeCase, monkeypatch: pytest.MonkeyPatch) -> None:
    with Stranger(status=407, body=b"") as there:
        proxy = f"http://127.0.0.1:{there.port}"
        for name in ("HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy)
        one = case()
        one.environ.update({"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy})  # type: ignore[attr-defined]
        for scheme in ("http", "https"):
            [finding] = wrong(told(one, server(f"{scheme}://api.example.org/v1")))
            assert finding.what.startswith(f"the proxy {proxy} does not work: ")
            assert finding.mend.startswith("unset HTTPS_PROXY https_proxy HTTP_PROXY")


def test_a_proxy_for_a_server_of_this_house(case: MakeCase, monkeypatch: pytest.MonkeyPatch) -> None:
    with Stranger() as there:
        proxy = f"http://127.0.0.1:{there.port}"
        monkeypatch.setenv("HTTP_PROXY", proxy)
        one = case()
        one.environ["HTTP_PROXY"] = proxy  # type: ignore[index]
        [finding] = wrong(told(one, server("http://ollama.lan:11434/v1")))
    assert finding.what == f"http://ollama.lan:11434/v1 is asked through the proxy {proxy}"
    assert finding.mend == 'export NO_PROXY="$NO_PROXY,ollama.lan"'


def test_a_proxy_without_its_library(case: MakeCase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "socks5://127.0.0.1:9")
    [finding] = wrong(told(case(), server("http://api.example.org/v1")))
    assert finding.what.startswith("api.example.org can't be asked: ")
    assert "install 'httpx2[socks]'" in finding.mend


# Which servers are asked.


def test_each_server_is_asked_once(loaded: Callable[..., Loaded]) -> None:
    [one], lacking = servers(loaded(OPENAI_API_KEY=KEY))
    assert one.url == "https://api.openai.com/v1"
    assert one.purpose == ("talking, writing down (cascade), thinking (cascade), speaking (cascade), plugins (openai)")
    assert lacking == []
    assert KEY not in repr(one)


def test_one_key_that_is_missing_is_told_once(loaded: Callable[..., Loaded]) -> None:
    _, lacking = servers(loaded())
    [finding] = lacking
    assert (finding.level, finding.area, finding.what) == ("problem", "key", "no API key for api.openai.com")
    assert finding.mend == (
        "voiced setup   # asks for the key, and keeps it; or: export OPENAI_API_KEY=…; a new one is made at "
        "https://platform.openai.com/api-keys"
    )


def test_a_key_file_that_is_missing(loaded: Callable[..., Loaded]) -> None:
    _, [finding] = servers(loaded('[openai]\nkey_file = "/nowhere/key"\n'))
    assert finding.what == "/nowhere/key: no such file"
    assert "nano /nowhere/key" in finding.mend


def test_every_server_of_its_own_with_its_own_key(loaded: Callable[..., Loaded]) -> None:
    text = (
        '[realtime]\nbase_url = "wss://rt.example.org/v1"\n'
        '[cascade]\nbase_url = "http://cascade.lan/v1"\ntts_base_url = "http://tts.lan/v1"\n'
        '[ai]\norder = ["deepseek"]\n'
    )
    asked, lacking = servers(
        loaded(text, OPENAI_API_KEY=KEY, CASCADE_API_KEY="cascade-key-1", DEEPSEEK_API_KEY="deepseek-key-1")
    )
    assert [(each.url, each.key, each.needed) for each in asked] == [
        ("https://rt.example.org/v1", KEY, True),
        ("http://cascade.lan/v1", "cascade-key-1", True),
        ("http://tts.lan/v1", "", True),
        ("https://api.deepseek.com/v1", "deepseek-key-1", False),
    ]
    assert asked[3].key_mend == "export DEEPSEEK_API_KEY=…   # the key; its maker gives you one"
    assert lacking == []


def test_a_provider_without_its_key(loaded: Callable[..., Loaded]) -> None:
    _, [finding] = servers(loaded('[ai]\norder = ["deepseek"]\n', OPENAI_API_KEY=KEY))
    assert (finding.level, finding.what) == ("warning", "no API key for deepseek")
    assert finding.mend.startswith("export DEEPSEEK_API_KEY=…")


def test_nobody_is_asked_by_who_is_offline(loaded: Callable[..., Loaded]) -> None:
    assert servers(loaded('[brain]\norder = ["offline"]\n')) == ([], [])


@contextlib.contextmanager
def _mute() -> Iterator[str]:
    """A server that takes connections and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            with contextlib.suppress(OSError):
                while True:
                    listener.accept()[0].close()

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
