"""A WebSocket server of the `websockets` package that sends messages back: CERTIFICATE KEY, or
nothing for a server without TLS. Prints its port."""

import asyncio
import ssl
import sys

import websockets


async def echo(socket, *_):
    async for message in socket:
        await socket.send(f"{message}, too")
    print(f"closed with {socket.close_code}", flush=True)


async def main():
    context = None
    if len(sys.argv) == 3:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[1], sys.argv[2])
    async with websockets.serve(echo, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        print(f"listening at port {port}", flush=True)
        await asyncio.Future()


asyncio.run(main())
