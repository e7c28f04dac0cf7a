"""Drives `squall proxy` through toxiproxy-python, and measures what each toxic does.

Usage: toxiproxy_drive.py HOST PORT. Ends with 0 when everything was as it must be.
"""

import socket
import sys
import threading
import time

from toxiproxy import Toxiproxy
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists


def echo():
    """A server that sends everything back, on a free port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection):
        with connection:
            try:
                while data := connection.recv(65536):
                    connection.sendall(data)
            except OSError:
                pass

    def accept():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return "127.0.0.1:%d" % listener.getsockname()[1]


def ping(listen):
    """Sends five bytes: what came back until the end, and the time it took."""
    host, port = listen.rsplit(":", 1)
    begun = time.monotonic()
    with socket.create_connection((host, int(port)), timeout=20) as stream:
        stream.sendall(b"hello")
        got = b""
        while len(got) < 5 and (data := stream.recv(5)):
            got += data
    return got, time.monotonic() - begun


def fails(error, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except error:
        return
    raise AssertionError("%s was not raised" % error)


def main():
    host, port = sys.argv[1], int(sys.argv[2])
    server = Toxiproxy()
    server.update_api_consumer(host, port)
    assert server.running()
    assert server.version().startswith(b'{"version": "2.')
    upstream = echo()

    proxy = server.create(upstream=upstream, name="python")
    assert proxy.enabled and ping(proxy.listen)[0] == b"hello"
    fails(ProxyExists, server.create, upstream=upstream, name="python")
    fails(InvalidToxic, proxy.add_toxic, type="nonsense")
    fails(NotFound, proxy.destroy_toxic, "nobody")

    proxy.add_toxic(type="latency", attributes={"latency": 400, "jitter": 0})
    toxic = proxy.get_toxic("latency_downstream")
    assert toxic.attributes == {"latency": 400, "jitter": 0}, toxic.attributes
    assert toxic.toxicity == 1 and toxic.stream == "downstream"
    assert ping(proxy.listen)[1] >= 0.4
    fails(ProxyExists, proxy.add_toxic, type="latency")
    proxy.destroy_toxic("latency_downstream")
    assert proxy.toxics() == {}
    assert ping(proxy.listen)[1] < 0.4

    proxy.add_toxic(type="limit_data", attributes={"bytes": 3})
    assert ping(proxy.listen)[0] == b"hel"
    proxy.destroy_toxic("limit_data_downstream")

    proxy.add_toxic(name="cut", type="reset_peer", stream="upstream", attributes={"timeout": 0})
    fails(ConnectionResetError, ping, proxy.listen)
    with proxy.down():
        fails(ConnectionRefusedError, ping, proxy.listen)
    fails(ConnectionResetError, ping, proxy.listen)
    assert server.reset()
    assert ping(proxy.listen)[0] == b"hello"

    proxies = [{"name": name, "upstream": upstream, "listen": "127.0.0.1:0"} for name in "ab"]
    assert [one.name for one in server.populate(proxies)] == ["a", "b"]
    assert sorted(server.proxies()) == ["a", "b", "python"]
    server.destroy_all()
    assert server.proxies() == {}


main()
