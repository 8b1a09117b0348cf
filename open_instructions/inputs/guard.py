"""Which servers are asked: public ones, over https. Others only where the user says so, in
OI_TRUSTED_HOSTS.

An address comes from a catalogue, a lock, a cache or a redirect, so none of them may lead a request
into the network that this machine is in. What counts is the address that is connected to, not the
name: a name may resolve to anything, and to something else the next time. It is checked when the
connection is open and before a byte is sent.

A proxy (HTTPS_PROXY) resolves names itself, so behind one only addresses that are written as
numbers are refused. Neither is what hf-xet does seen here: it takes files of the hub from the
servers that the hub names.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Any

from ..errors import FetchError
from ..limits import trusted_hosts

if TYPE_CHECKING:
    from httpx2 import Request

_NAT64 = IPv6Network("64:ff9b::/96")
_HINT = "OI_TRUSTED_HOSTS={} allows it, if the server is yours."


def guard(also: Iterable[str] = ()) -> Callable[[Request], None]:
    """A hook for requests, redirects among them, that raises FetchError for a server that may not
    be asked. `also` are trusted hosts."""
    trusted = trusted_hosts() | set(also)

    def check(request: Request) -> None:
        host = request.url.host
        if request.url.userinfo:
            raise FetchError(
                f"{request.url} has a user name before the host, so it was not contacted."
            )
        if host.lower() in trusted:
            return
        if request.url.scheme != "https":
            raise FetchError(
                f"{request.url} is not an https address, so it was not contacted.",
                hint=_HINT.format(host),
            )
        if _written_as_private(host):
            raise _refused(host, host)
        request.extensions["trace"] = _watch(request.url.raw_host.decode("ascii"))

    return check


def is_public(address: str) -> bool:
    """Is this the address of a machine on the internet?

    >>> (is_public("140.82.112.3"),
    ...  is_public("10.0.0.1"),
    ...  is_public("::ffff:127.0.0.1"),
    ...  is_public("fe80::1%eth0"))
    (True, False, False, False)
    """
    found = ip_address(address.partition("%")[0])
    inner = _embedded(found)
    if inner is not None:
        return is_public(str(inner))
    special = (
        found.is_multicast
        or found.is_reserved
        or found.is_private
        or found.is_loopback
        or found.is_link_local
    )
    return found.is_global and not special and not (found.version == 6 and found.is_site_local)


def _embedded(address: IPv4Address | IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return (
        address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
    )


def _written_as_private(host: str) -> bool:
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return not is_public(name)
    except ValueError:
        pass
    try:
        return not is_public(
            socket.inet_ntoa(socket.inet_aton(name))
        )  # 0x7f.1, 017700000001, 2130706433
    except (OSError, UnicodeError):
        return False


def _watch(host: str) -> Callable[[str, dict[str, Any]], None]:
    """Looks at each connection that is opened for a request to a host; one to a proxy has another
    name, and is the user's."""
    direct = True

    def watch(event: str, info: dict[str, Any]) -> None:
        nonlocal direct
        if event.endswith("connect_tcp.started"):
            direct = info["host"] == host
        elif event.endswith("connect_tcp.complete") and direct:
            address = info["return_value"].get_extra_info("server_addr")[0]
            if not is_public(address):
                info["return_value"].close()
                raise _refused(host, address)

    return watch


def _refused(host: str, address: str) -> FetchError:
    leads = host if host == address else f"{host} resolves to {address}, which"
    return FetchError(
        f"{leads} is not a public address, so it was not contacted.", hint=_HINT.format(host)
    )
