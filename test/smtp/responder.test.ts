/** Who sends acknowledgements, to a real MMSC that was away. */
import { expect, test } from "vitest";
import { readPeers } from "../../src/peers.ts";
import { startMmsc } from "../../src/simulator/mmsc.ts";
import { createResponder } from "../../src/smtp/responder.ts";
import { ACKNOWLEDGEMENT } from "../support/journal.ts";
import { freePort } from "../support/redis.ts";

test("an MMSC that was away is asked by one; the others have not had their attempt, and are taken next", async () => {
  const port = await freePort();
  const acknowledge = { host: "127.0.0.1", port, tls: "off" };
  const read = readPeers({ peers: [{ name: "carrier", addresses: ["192.0.2.1"], acknowledge }] }, () => "");
  if (!read.ok) throw new Error(read.error.join());
  const [peer] = read.value;
  const responder = createResponder({
    hostname: "mm4.example.net",
    systemAddress: "system-user@mms.example.net",
    timeoutMs: 30_000,
    awayMs: 0,
  });
  const sendAll = (count: number) =>
    Promise.all(Array.from({ length: count }, (_, index) => responder.send(`a${index}`, ACKNOWLEDGEMENT, peer)));
  try {
    expect((await sendAll(3)).map(({ kind }) => kind)).toEqual(["failed", "failed", "failed"]);
    const mmsc = await startMmsc({ host: "127.0.0.1", port, onMessage() {} });
    try {
      expect((await sendAll(4)).map(({ kind }) => kind).sort()).toEqual(["busy", "busy", "busy", "sent"]);
      expect((await sendAll(4)).map(({ kind }) => kind)).toEqual(["sent", "sent", "sent", "sent"]);
    } finally {
      await mmsc.stop();
    }
  } finally {
    responder.stop();
  }
});
