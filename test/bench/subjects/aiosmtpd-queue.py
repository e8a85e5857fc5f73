"""aiosmtpd with the same job: reads the MM4 fields, pushes JSON onto a list, then says 250. Arguments: ports."""

import asyncio
import json
import sys
from email.parser import BytesHeaderParser

import redis.asyncio
from aiosmtpd.smtp import SMTP

PORT, REDIS_PORT = int(sys.argv[1]), int(sys.argv[2])
FIELDS = {
    "transactionId": "X-Mms-Transaction-ID",
    "messageId": "X-Mms-Message-ID",
    "recipient": "From",
    "originator": "To",
    "date": "Date",
    "status": "X-Mms-MM-Status-Code",
    "statusText": "X-Mms-Status-Text",
    "code": "X-Internal-Status-Code",
}


class Store:
    def __init__(self, queue):
        self.queue = queue

    async def handle_DATA(self, server, session, envelope):
        header = BytesHeaderParser().parsebytes(envelope.content)
        report = {name: header.get(field) for name, field in FIELDS.items()}
        await self.queue.lpush("mm4-delivery-events", json.dumps(report))
        return "250 OK"


async def main():
    store = Store(redis.asyncio.Redis(host="127.0.0.1", port=REDIS_PORT))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(store, hostname="bench"), "127.0.0.1", PORT, backlog=511)
    await server.serve_forever()


asyncio.run(main())
