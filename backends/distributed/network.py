"""How this machine reaches others."""

from __future__ import annotations

import socket
import struct
import sys


def parts(address: str) -> tuple[str, int]:
    """Host and port of `tcp://host:port`."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    return host, int(port)


def own_address(host: str, port: int = 9) -> str:
    """The address by which `host` finds this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:  # nothing is sent
        probe.connect((host, port))
        return str(probe.getsockname()[0])


def interface(host: str) -> str:
    """The name of the network interface by which `host` is reached; that of loopback if unknown."""
    if sys.platform != "linux":
        return "lo0"
    from fcntl import ioctl  # Unix alone has it

    wanted = own_address(host)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        for _, name in socket.if_nameindex():
            request = struct.pack("16s24x", name.encode())
            try:
                found = ioctl(asked.fileno(), 0x8915, request)  # SIOCGIFADDR, netdevice(7)
            except OSError:  # it has no address
                continue
            if socket.inet_ntoa(found[20:24]) == wanted:
                return name
    return "lo"
