"""Fetches over HTTP/2 with httpx: URL of a plain server, or URL and the file of an authority."""

import asyncio
import ssl
import sys

import httpx


async def main(url, ca=None):
    verify = ssl.create_default_context(cafile=ca) if ca else True
    client = httpx.AsyncClient(http1=ca is not None, http2=True, verify=verify, timeout=30)
    async with client:
        answers = await asyncio.gather(*(client.get(url) for _ in range(50)))
        for answer in answers:
            assert answer.http_version == "HTTP/2", answer.http_version
            assert answer.status_code == 200, answer.status_code
        print("50 responses over HTTP/2")
        if ca:
            return
        body = bytes(range(256)) * 4096
        answer = await client.post(url + "echo", content=body)
        assert answer.content == body, "other bytes came back"
        print("a body of 1 MiB was echoed")
        slow = await asyncio.gather(*(client.get(url + "slow/300") for _ in range(20)))
        assert all(answer.text == "after 300 ms\n" for answer in slow)
        print("20 slow responses on one connection")


asyncio.run(main(*sys.argv[1:]))
