"""Where a service listens: an address and a port that can be had, or a plain word on why not."""

import ipaddress
import socket
from contextlib import closing
from typing import Annotated

import typer

from assay.errors import UsageError
from assay.report.words import plain

Host = Annotated[str, typer.Option("--host", metavar="ADDRESS", help="IP address to listen on.")]
Port = Annotated[int, typer.Option("--port", "-p", min=1, max=65535, metavar="N", help="Port.")]
Rate = Annotated[
    int, typer.Option("--rate", min=0, metavar="N", help="Requests a minute for each client; 0: any number.")
]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def address_of(host: str) -> Address:
    """The IP address that ``--host`` names. Raises UsageError."""
    try:
        return ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        raise UsageError(f"{plain(host)} is not an IP address such as 127.0.0.1") from None


def free(address: Address, port: int) -> None:
    """Raise UsageError where the port cannot be had: the server would say so less plainly."""
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((str(address), port))
        except OSError as error:
            raise UsageError(f"Cannot listen on {address}, port {port}: {error.strerror or error}") from None


def url_of(address: Address, port: int) -> str:
    """Where the service is."""
    return f"http://{f'[{address}]' if address.version == 6 else address}:{port}/"


__all__ = ["Address", "Host", "Port", "Rate", "address_of", "free", "url_of"]
