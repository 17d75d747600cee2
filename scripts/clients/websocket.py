"""Drives the WebSocket example with the `websockets` package: URL, and the port again for raw bytes."""

import asyncio
import socket
import sys

import websockets

SIZES = [0, 1, 125, 126, 127, 65535, 65536, 1 << 20]
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def connect(url):
    return websockets.connect(url, max_size=2 << 20, compression=None)


async def messages(url):
    async with connect(url) as socket:
        for size in SIZES:
            binary = bytes(i * 31 % 251 for i in range(size))
            await socket.send(binary)
            assert await socket.recv() == binary, f"{size} bytes"
            text = ("grüß dich " * (size // 10 + 1))[:size]
            await socket.send(text)
            assert await socket.recv() == text, f"{size} characters"
        print("messages of 0 bytes to 1 MiB were echoed")
        await socket.send([b"in ", b"", b"three parts"])
        assert await socket.recv() == b"in three parts"
        print("a fragmented message was echoed")
        for i in range(100):
            await socket.send(str(i))
        for i in range(100):
            assert await socket.recv() == str(i)
        print("100 messages were sent before the first answer")


async def pings(url):
    async with connect(url) as socket:
        for data in [b"", b"x" * 125]:
            await asyncio.wait_for(await socket.ping(data), 20)
        # A ping between the parts of a message.
        async def parts():
            yield b"one "
            await asyncio.wait_for(await socket.ping(b"between"), 20)
            yield b"two"

        await socket.send(parts())
        assert await socket.recv() == b"one two"
    print("pings are answered, also within a message")


async def closes(url):
    for code in [1000, 1001, 1011, 3000, 4999]:
        socket = await connect(url)
        await socket.close(code, "a reason")
        assert socket.close_code == code, (code, socket.close_code)
    for code in [1000, 1008, 3001, 4321]:
        socket = await connect(url)
        await socket.send(f"close {code}")
        try:
            await asyncio.wait_for(socket.recv(), 20)
            raise AssertionError("a message, no close")
        except websockets.ConnectionClosed as closed:
            assert closed.rcvd.code == code, closed
            assert closed.rcvd.reason == "as you asked", closed
    print("close codes work from either side")


async def many(url):
    sockets = await asyncio.gather(*(connect(url) for _ in range(50)))
    for socket in sockets[::2]:
        socket.transport.abort()
    for socket in sockets[1::2]:
        await socket.send("still there")
    for socket in sockets[1::2]:
        assert await socket.recv() == "still there"
        await socket.close()
    print("50 clients, of which half disconnected without a close")


def raw(port):
    stream = socket.create_connection(("127.0.0.1", port), timeout=30)
    stream.sendall(HANDSHAKE)
    head = b""
    while b"\r\n\r\n" not in head:
        head += stream.recv(1000)
    assert head.startswith(b"HTTP/1.1 101 "), head
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head, head
    return stream, head.split(b"\r\n\r\n", 1)[1]


def rest(stream, before):
    """Returns all bytes until the end; a reset is an end as well."""
    try:
        while more := stream.recv(1000):
            before += more
    except ConnectionResetError:
        pass
    return before


def broken(port):
    # A frame without a mask; one of 2^62 bytes; a text that is not UTF-8; a reserved opcode.
    frames = {
        b"\x82\x01x": ("no mask", 1002),
        b"\x82\xff\x40" + bytes(7) + b"mask": ("too long", 1009),
        b"\x81\x82\0\0\0\0\xff\xff": ("no UTF-8", 1007),
        b"\x83\x80\0\0\0\0": ("a reserved opcode", 1002),
    }
    for frame, (name, code) in frames.items():
        stream, before = raw(port)
        stream.sendall(frame)
        answer = rest(stream, before)
        assert answer[:1] == b"\x88" and answer[2:4] == code.to_bytes(2, "big"), (name, answer)
        print(f"disconnected with {code}: {name}")
    stream = socket.create_connection(("127.0.0.1", port), timeout=30)
    stream.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert not rest(stream, b"").startswith(b"HTTP/1.1 101")
    print("disconnected: not a WebSocket")


def silent(port):
    stream, before = raw(port)
    all_of_it = rest(stream, before)
    assert all_of_it.startswith(b"\x89\x06there?"), all_of_it
    print("a silent client got a ping and was disconnected")


async def main(url, port, what):
    if what == "silent":
        return silent(port)
    if what == "echo":
        # A server that only echoes, at a path.
        await messages(url + "echo")
        return await pings(url + "echo")
    await messages(url)
    await pings(url)
    await closes(url)
    await many(url)
    broken(port)
    await messages(url)


port = int(sys.argv[1])
asyncio.run(main(f"ws://127.0.0.1:{port}/", port, sys.argv[2]))
