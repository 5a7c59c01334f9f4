"""The client on Python's `websockets`.

A visit per line of JSON in, a report per line out: see visit.ts.
"""

import asyncio
import base64
import json
import sys
import time

from websockets.exceptions import ConnectionClosed, InvalidStatusCode
from websockets.legacy.client import connect

EXTENSIONS = "Sec-WebSocket-Extensions"


async def visit(url, plan):
    report = {
        "opened": False,
        "protocol": "",
        "extensions": "",
        "received": [],
        "roundTrip": None,
        "close": None,
        "error": None,
    }
    try:
        socket = await connect(
            url,
            subprotocols=plan.get("protocols"),
            compression="deflate" if plan.get("deflate", True) else None,
            # It limits frames as they come: compressed, 1 MiB may be larger.
            max_size=2 * 1024 * 1024,
            # Only pings that a check asks for.
            ping_interval=None,
        )
    except InvalidStatusCode as error:
        return {**report, "error": str(error)}

    report["opened"] = True
    report["protocol"] = socket.subprotocol or ""
    report["extensions"] = socket.response_headers.get(EXTENSIONS, "")
    try:
        await talk(socket, plan, report)
    except ConnectionClosed:
        pass
    await socket.wait_closed()
    report["close"] = {
        "code": socket.close_code,
        "reason": socket.close_reason,
    }
    return report


async def talk(socket, plan, report):
    messages = plan.get("send", [])
    replies = plan.get("replies", len(messages))
    # Together, as a server may wait until its replies are read.
    await asyncio.gather(
        send_all(socket, messages),
        receive(socket, replies, report["received"]),
    )
    if plan.get("ping"):
        sent_at = time.perf_counter()
        await (await socket.ping())
        report["roundTrip"] = (time.perf_counter() - sent_at) * 1000
    if "close" in plan:
        await socket.close(**plan["close"])


async def send_all(socket, messages):
    for message in messages:
        kind = message["kind"]
        fragments = [payload(kind, data) for data in message["fragments"]]
        whole = len(fragments) == 1
        await socket.send(fragments[0] if whole else one_by_one(fragments))


async def one_by_one(fragments):
    for fragment in fragments:
        yield fragment


async def receive(socket, count, received):
    for _ in range(count):
        received.append(content(await socket.recv()))


def payload(kind, data):
    return data if kind == "text" else base64.b64decode(data)


def content(message):
    if isinstance(message, str):
        return {"kind": "text", "data": message}
    return {"kind": "binary", "data": base64.b64encode(message).decode()}


for line in sys.stdin:
    plan = json.loads(line)
    print(json.dumps(asyncio.run(visit(plan.pop("url"), plan))), flush=True)
