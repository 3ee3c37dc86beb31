"""Run a module where the name `brokers.test` has several addresses, as DNS could say: ADDRESSES MODULE ..."""

import runpy
import socket
import sys

NAME = "brokers.test"


def resolve_to(addresses: list[str]) -> None:
    """Have the name looked up as these, in this order."""
    real = socket.getaddrinfo

    def looked_up(host, *asked, **named):
        hosts = addresses if host == NAME else [host]
        return [found for one in hosts for found in real(one, *asked, **named)]

    socket.getaddrinfo = looked_up


if __name__ == "__main__":
    resolve_to(sys.argv[1].split(","))
    module, sys.argv = sys.argv[2], sys.argv[2:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
