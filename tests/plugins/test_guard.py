"""What a plugin has no permission for is refused where it is seen; everybody else does what they did."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

from tests.plugins.fakes import FakeClock, Home
from voiced.conversation.events import ToolReturned
from voiced.plugins import guard

TOOL = """
import asyncio, os, signal, socket, sqlite3, subprocess, sys, threading
from pathlib import Path
from voiced.api import Plugin, ToolContext, tool

@tool(permissions=[{permissions}])
{kind} act(context: ToolContext, path: str = "") -> str:
    "Act."
    return str({code})
"""


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is not the temporary one."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "outside").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return tmp_path / "outside"


async def act(home: Home, code: str, *permissions: str, kind: str = "def", path: Path | str = "") -> ToolReturned:
    """What comes of a tool that does that."""
    home.plugin("doer", TOOL.format(code=code, kind=kind, permissions=", ".join(map(repr, permissions))))
    async with home.running() as tools:
        assert tools == ("act",)
        return await home.call("act", path=str(path))


CHANGES = [
    "open(path, 'w')",
    "open(path, 'ab')",
    "os.open(path, os.O_CREAT | os.O_RDWR)",
    "Path(path).write_text('x')",
    "os.mkdir(path)",
    "Path(path).parent.rmdir()",
    "os.remove(path)",
    "os.rename(path, path + '2')",
    "os.replace('/dev/null', path)",
    "os.symlink('x', path)",
    "os.chmod(path, 0o777)",
    "os.truncate(path, 0)",
    "__import__('shutil').rmtree(Path(path).parent)",
    "sqlite3.connect(path)",
]


@pytest.mark.parametrize("code", CHANGES)
@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_files_elsewhere_are_changed_with_the_permission_alone(
    home: Home, outside: Path, code: str, kind: str
) -> None:
    returned = await act(home, code, kind=kind, path=outside / "file")
    assert not returned.ok
    assert 'without the permission "files": add permissions=["files"]' in returned.output
    assert list(outside.iterdir()) == []


async def test_files_are_changed_with_the_permission(home: Home, outside: Path) -> None:
    returned = await act(home, "Path(path).write_text('x')", "files", path=outside / "file")
    assert (returned.output, returned.ok) == ("1", True)
    assert (outside / "file").read_text() == "x"


@pytest.mark.parametrize("path", ["tmp/file", "state/doer.notes", "state/plugins/doer/deep/file"])
async def test_what_is_its_own_or_temporary_needs_no_permission(home: Home, outside: Path, path: str) -> None:
    where = outside.parent / path
    code = "(os.makedirs(os.path.dirname(path), exist_ok=True), Path(path).write_text('x'), os.remove(path))"
    returned = await act(home, code, path=where)
    assert returned.ok, returned.output


async def test_what_is_another_plugins_is_not_its_own(home: Home, outside: Path) -> None:
    (outside.parent / "state").mkdir()
    returned = await act(home, "Path(path).write_text('x')", path=outside.parent / "state" / "doer2.json")
    assert not returned.ok


async def test_reading_needs_no_permission(home: Home, outside: Path) -> None:
    (outside / "file").write_text("text")
    code = "(Path(path).read_text(), os.listdir('/'), Path(os.devnull).write_text('x'))[0]"
    returned = await act(home, code, path=outside / "file")
    assert returned.output == "text"


async def test_compiled_code_of_an_import_may_be_written(home: Home, outside: Path) -> None:
    (outside / "lib.py").write_text("ANSWER = 42")
    code = "(sys.path.insert(0, path), __import__('lib').ANSWER, sys.path.pop(0))[1]"
    assert (await act(home, code, path=outside)).output == "42"


async def test_state_is_kept_without_a_permission(home: Home, outside: Path) -> None:
    code = "(await context.save_state([1]), await context.load_state(list, []), await context.data_folder())[1]"
    assert (await act(home, code, kind="async def")).output == "[1]"


@pytest.mark.parametrize(
    "code",
    [
        "subprocess.run(['true'])",
        "os.system('true')",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "os.execv('/bin/true', ['true'])",
    ],
)
async def test_programs_are_run_with_the_permission_alone(home: Home, code: str) -> None:
    returned = await act(home, code)
    assert not returned.ok
    assert 'without the permission "files"' in returned.output


async def test_programs_are_run_with_the_permission(home: Home) -> None:
    assert (await act(home, "subprocess.run(['true']).returncode", "files")).output == "0"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("socket.create_connection(('127.0.0.1', 9))", "def"),
        ("socket.getaddrinfo('localhost', 80)", "def"),
        ("socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))", "def"),
        ("socket.socket(socket.AF_UNIX).connect('/run/nobody')", "def"),
        ("socket.socket().bind(('127.0.0.1', 0))", "def"),
        ("await asyncio.open_connection('127.0.0.1', 9)", "async def"),
        ("await asyncio.to_thread(socket.create_connection, ('127.0.0.1', 9))", "async def"),
        ("await asyncio.create_task(asyncio.open_connection('127.0.0.1', 9))", "async def"),
        ("await context.in_thread(lambda: socket.create_connection(('127.0.0.1', 9)))", "async def"),
    ],
)
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
async def test_others_are_reached_with_the_permission_alone(home: Home, code: str, kind: str) -> None:
    returned = await act(home, code, kind=kind)
    assert not returned.ok
    assert 'it connects to other machines or programs without the permission "network"' in returned.output
    gc.collect()  # the sockets that nobody closed, while nobody is warned of them


async def test_others_are_reached_with_the_permission(home: Home) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    code = f"socket.create_connection(('127.0.0.1', {listener.getsockname()[1]})).close()"
    try:
        assert (await act(home, code, "network")).output == "None"
    finally:
        listener.close()


async def test_what_is_refused_is_a_problem_of_its_plugin(home: Home, outside: Path) -> None:
    home.plugin("doer", TOOL.format(code="open(path, 'w')", kind="def", permissions=""))
    async with home.running():
        for _ in range(3):
            assert not (await home.call("act", path=str(outside / "file"))).ok
        assert home.status("doer").problems == (
            f'it changes {outside / "file"} without the permission "files": '
            'add permissions=["files"] to its @tool or permissions to its Plugin',
        )
        assert home.status("doer").state == "on"  # a refusal is no crash


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("os.fork()", "it forks, which a process with threads does not survive; use subprocess"),
        ("__import__('multiprocessing').get_context('fork').Process().start()", "it forks"),
        ("os.kill(os.getpid(), signal.SIGTERM)", "it sends a signal to voiced itself"),
        ("os.kill(0, signal.SIGTERM)", "it sends a signal to voiced itself"),
        ("os.killpg(os.getpgrp(), signal.SIGTERM)", "it sends a signal to voiced itself"),
        ("signal.pthread_kill(threading.get_ident(), signal.SIGTERM)", "it sends a signal to voiced itself"),
        ("signal.raise_signal(signal.SIGTERM)", "signal.raise_signal, but the signals are voiced's own"),
        ("signal.signal(signal.SIGTERM, signal.SIG_DFL)", "signal.signal, but the signals are voiced's own"),
        ("signal.alarm(1)", "signal.alarm, but the signals are voiced's own"),
        ("asyncio.get_running_loop().add_signal_handler(15, print)", "but the signals are voiced's own"),
    ],
)
async def test_what_would_end_voiced_is_refused_whatever_the_permissions(home: Home, code: str, words: str) -> None:
    before = signal.getsignal(signal.SIGTERM)
    permissions = ("network", "say", "listen", "files", "api")
    returned = await act(home, code, *permissions, kind="async def" if "asyncio" in code else "def")
    assert not returned.ok
    assert words in returned.output
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("code", ["os._exit(3)", "os.abort()", "sys.exit(3)"])
@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_an_exit_is_a_crash(home: Home, code: str, kind: str) -> None:
    returned = await act(home, code, kind=kind)
    assert not returned.ok
    assert "act failed (SystemExit)" in returned.output


async def test_a_thread_of_the_plugin_is_the_plugin(home: Home, outside: Path) -> None:
    home.plugin(
        "doer",
        "import os, threading\nfrom concurrent.futures import ThreadPoolExecutor\nfrom voiced.api import tool\n"
        "@tool\ndef act(path: str) -> str:\n"
        "    'Act.'\n"
        "    told = []\n"
        "    def write():\n"
        "        try:\n            open(path, 'w')\n"
        "        except Exception as error:\n            told.append(type(error).__name__)\n"
        "    thread = threading.Thread(target=write)\n    thread.start()\n    thread.join()\n"
        "    with ThreadPoolExecutor(1) as pool:\n        pool.submit(write).result()\n"
        "    return str(told)\n",
    )
    async with home.running():
        assert await home.answer("act", path=str(outside / "file")) == "['NotPermitted', 'NotPermitted']"


async def test_nobody_else_is_guarded(outside: Path) -> None:
    guard.install()
    guard.install()
    (outside / "file").write_text("x")
    (outside / "file").unlink()
    assert subprocess.run(["true"], check=False).returncode == 0
    signal.signal(signal.SIGUSR1, signal.signal(signal.SIGUSR1, signal.SIG_IGN))
    os.kill(os.getpid(), 0)
    thread = threading.Thread(target=lambda: (outside / "thread").touch())
    thread.start()
    thread.join()
    assert (outside / "thread").exists()


# Permissions that the settings deny.

FETCH = """
from voiced.api import tool

@tool(permissions=["network"])
async def fetch():
    "Fetch."

@tool
async def think():
    "Think."
    return "hm"
"""


@pytest.mark.parametrize("denied", ["network", "fetcher.network"])
async def test_a_tool_with_a_denied_permission_is_not_offered(tmp_path: Path, clock: FakeClock, denied: str) -> None:
    home = Home(tmp_path, clock, denied=("say", denied))
    path = home.plugin("fetcher", FETCH)
    async with home.running() as tools:
        assert tools == ("think",)
        assert home.status("fetcher").problems == (
            f'{path}:4 fetch: it is not offered: it needs the permission "network", and plugins.denied in the settings '
            f'has "{denied}"',
        )
        assert home.status("fetcher").permissions == ()


async def test_what_is_denied_to_one_is_not_denied_to_another(tmp_path: Path, clock: FakeClock) -> None:
    home = Home(tmp_path, clock, denied=("other.network",))
    home.plugin("fetcher", FETCH)
    async with home.running() as tools:
        assert tools == ("fetch", "think")
        assert home.status("fetcher").permissions == ("network",)


async def test_a_plugin_that_needs_a_denied_permission_is_off_and_is_not_begun(
    tmp_path: Path, clock: FakeClock
) -> None:
    home = Home(tmp_path, clock, denied=("network",))
    home.plugin(
        "fetcher",
        "from voiced.api import Plugin, tool\nclass Fetcher(Plugin):\n    permissions = ['network']\n"
        "    async def setup(self, context): 1 / 0\n    @tool\n    async def fetch(self):\n        'Fetch.'\n",
    )
    async with home.running() as tools:
        assert tools == ()
        why = 'it needs the permission "network", and plugins.denied in the settings has "network"'
        status = home.status("fetcher")
        assert (status.state, status.why, status.problems) == ("off", why, (why,))


async def test_a_permission_that_there_is_not_is_told(home: Home) -> None:
    home.plugin("odd", "from voiced.api import Plugin\nclass Odd(Plugin):\n    permissions = ['netwrok']\n")
    async with home.running():
        (problem,) = home.status("odd").problems
        assert "odd.py:" in problem
        assert "there is no permission 'netwrok'; did you mean 'network'?" in problem


async def test_an_import_may_do_what_is_not_denied(tmp_path: Path, clock: FakeClock) -> None:
    home = Home(tmp_path, clock, denied=("files",))
    home.plugin("early", "import subprocess\nsubprocess.run(['true'])\n")
    async with home.running():
        assert 'without the permission "files"' in home.status("early").problems[0]


async def test_what_its_author_must_declare_is_not_read_out(home: Home) -> None:
    source = "from voiced.api import *\n@tool\nasync def act(context: ToolContext):\n    'Act.'\n"
    home.plugin("quiet", f"{source}    context.announce('Hello.')")
    async with home.running():
        returned = await home.call("act")
        assert 'add permissions=["say"]' in returned.output
        assert returned.spoken == "That did not work: the plugin may not do that."
