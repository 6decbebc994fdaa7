"""Stands in for DNS that leads a name and all before it to one machine."""

import os
import socket

name, resolve = os.environ["WILDCARD"], socket.getaddrinfo


def lead(host, *args, **kwargs):
    here = host == name or str(host).endswith("." + name)
    return resolve("127.0.0.1" if here else host, *args, **kwargs)


socket.getaddrinfo = lead
