"""Machines for tests: network namespaces on a bridge, each with its own name, its own /dev/shm and its own loopback.

Belongs here: making them, running programs on them, and taking them away. Does not belong here: what
runs on them. Needs root and iproute2. The files of this machine are theirs too, as a shared volume would be.
"""

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

_ROOT = Path(__file__).parents[2]


class Host:
    """One machine. Its loopback leads to the servers of the tests on the same ports of ours."""

    def __init__(self, name: str, keeper: int) -> None:
        self.name, self._keeper = name, keeper

    def start(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
        """Start a program on it, as the leader of a process group."""
        inside = ["nsenter", f"--target={self._keeper}", "--mount", "--uts", "--net", f"--wd={_ROOT}"]
        with log.open("ab") as output:
            return subprocess.Popen(
                [*inside, *arguments],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def memory(self) -> Path:
        """Its /dev/shm, as it is seen from here."""
        return Path(f"/proc/{self._keeper}/root/dev/shm")


class Network:
    """A bridge with machines on it. ``address`` is ours on it."""

    def __init__(self, ports: Sequence[int], stack: ExitStack) -> None:
        self._stack, self._ports = stack, [str(port) for port in ports]
        self._id, net = secrets.token_hex(3), f"10.213.{secrets.randbelow(254) + 1}"
        self.address, self._net, self._count = f"{net}.1", net, 1
        self._bridge = f"rodb{self._id}"
        _ip("link", "add", self._bridge, "type", "bridge")
        stack.callback(_ip, "link", "delete", self._bridge)
        _ip("address", "add", f"{self.address}/24", "dev", self._bridge)
        _ip("link", "set", self._bridge, "up")
        self._relay([], self.address, "127.0.0.1")

    def host(self, name: str) -> Host:
        """Another machine."""
        self._count += 1
        namespace, link = f"rodn{self._id}{self._count}", f"rodv{self._id}{self._count}"
        address = f"{self._net}.{self._count}"
        _ip("netns", "add", namespace)
        self._stack.callback(_ip, "netns", "delete", namespace)
        _ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", namespace)
        _ip("link", "set", link, "master", self._bridge, "up")
        for command in (["address", "add", f"{address}/24", "dev", "eth0"], ["link", "set", "eth0", "up"]):
            _ip("-n", namespace, *command)
        _ip("-n", namespace, "link", "set", "lo", "up")
        made = f'hostname {name} && mount -t tmpfs tmpfs /dev/shm && exec "$@"'
        inside = ["ip", "netns", "exec", namespace, "unshare", "--uts", "--mount", "sh", "-c", made, "sh"]
        return Host(name, self._relay(inside, "127.0.0.1", self.address))

    def _relay(self, inside: list[str], listen: str, target: str) -> int:
        arguments = [*inside, sys.executable, "-m", "tests.support.relay", listen, target, *self._ports]
        process = subprocess.Popen(arguments, cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        assert process.stdout is not None
        self._stack.callback(process.stdout.close)
        assert process.stdout.readline() == b"ready\n"
        return process.pid


@contextmanager
def network(ports: Sequence[int]) -> Iterator[Network]:
    """A bridge for as long as the block lasts. ``ports`` of our loopback are those of every machine on it."""
    with ExitStack() as stack:
        yield Network(ports, stack)


def power_off(process: "subprocess.Popen[bytes]") -> None:
    """Kill a program and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def why_not() -> str | None:
    """Why there can be no machines here; None when there can."""
    if os.geteuid() != 0:
        return "making network namespaces needs root"
    made = subprocess.run(["ip", "netns", "add", probe := f"rodp{secrets.token_hex(3)}"], capture_output=True)
    if made.returncode != 0:
        return "this kernel or container makes no network namespaces"
    _ip("netns", "delete", probe)
    return None


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
