"""A private PulseAudio with a microphone and a loudspeaker that exist in memory only."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

ECHO_DB = -12.0
FULL_VOLUME = 65536

MODULES = """
load-module module-native-protocol-unix socket={socket} auth-anonymous=1
load-module module-null-sink sink_name=speaker rate=48000 channels=2 format=float32le norewinds=1
load-module module-remap-source source_name=mic master=speaker.monitor
set-source-volume mic {echo_volume}
set-default-sink speaker
set-default-source mic
"""
"""The microphone hears the loudspeaker. That the server itself passes the sound on keeps this echo in place, to the
sample, on a busy machine too: where a process did it, its late blocks were jumps of the echo, as no room has them.
Without norewinds=1 a null sink loses 8 % of the samples; float because somebody who speaks may be louder than it."""

PCM = 'pcm.{name} {{ type pulse server "unix:{socket}" device "{device}" hint {{ show on description "{name}" }} }}\n'
DEVICES = {"vmic": "mic", "vspeaker": "speaker", "vspeaker_tap": "speaker.monitor"}


def volume(gain_db: float) -> int:
    """As PulseAudio counts: the gain is its cube."""
    return round(FULL_VOLUME * 10 ** (gain_db / 60))


class PrivatePulse:
    """Starts the server and makes PortAudio see it, and nothing of the machine's own sound, until `close`."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="voiced-"))  # a socket's path must be short
        self._socket = self._folder / "native"
        (self._folder / "card.pa").write_text(MODULES.format(socket=self._socket, echo_volume=volume(ECHO_DB)))
        devices = "".join(PCM.format(name=name, socket=self._socket, device=device) for name, device in DEVICES.items())
        server = f'type pulse server "unix:{self._socket}"'
        (self._folder / ".asoundrc").write_text(f"{devices}pcm.!default {{ {server} }}\nctl.!default {{ {server} }}\n")
        self._environment = pytest.MonkeyPatch()
        self._environment.setenv("HOME", str(self._folder))
        self._environment.setenv("XDG_RUNTIME_DIR", str(self._folder))
        self._environment.setenv("PULSE_SERVER", f"unix:{self._socket}")
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        options = "--daemonize=no --use-pid-file=no --exit-idle-time=-1 --realtime=no --high-priority=no"
        self._process = subprocess.Popen(
            ["pulseaudio", "-n", "--disable-shm=no", *options.split(), "-F", str(self._folder / "card.pa")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "DBUS_SESSION_BUS_ADDRESS": "", "DISPLAY": ""},
        )
        deadline = time.monotonic() + 10
        while subprocess.run(["pactl", "info"], capture_output=True).returncode:
            assert time.monotonic() < deadline, "PulseAudio does not answer"
            assert self._process.poll() is None, "PulseAudio ended"

    def kill(self) -> None:
        """End the server without warning to its clients."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def suspend_source(self, suspended: bool) -> None:
        """The microphone: no callback, no error. As a laptop's, when another session takes it."""
        subprocess.run(["pactl", "suspend-source", "mic", str(int(suspended))], check=True)

    def close(self) -> None:
        self.kill()
        self._environment.undo()
        shutil.rmtree(self._folder)


def missing() -> str:
    """What device tests need and this machine lacks; "" is nothing."""
    if not shutil.which("pulseaudio") or not shutil.which("pactl"):
        return "PulseAudio is not installed: apt-get install pulseaudio pulseaudio-utils libasound2-plugins"
    try:
        import sounddevice  # noqa: F401  imported to see whether its library loads
    except OSError as error:
        return f"PortAudio is not installed: {error}"
    return ""
