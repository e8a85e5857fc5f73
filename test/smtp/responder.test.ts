/** Who sends acknowledgements, to a real MMSC that was away. */
import { expect, test } from "vitest";
import type { Acknowledgement } from "../../src/delivery/acknowledgement.ts";
import { ORDINARY_PEER } from "../../src/delivery/peer.ts";
import { startMmsc } from "../../src/simulator/mmsc.ts";
import type { Peer } from "../../src/smtp/peer.ts";
import { createResponder } from "../../src/smtp/responder.ts";
import { freePort } from "../support/redis.ts";

const RESPONSE: Acknowledgement = {
  peer: "carrier",
  eventId: null,
  receivedAt: "2026-01-02T03:04:05.000Z",
  messageType: "MM4_delivery_report.RES",
  version: null,
  transactionId: '"tx-1"',
  messageId: '"mm-1"',
  to: "system-user@mmsc.example",
  originator: "+12025550100",
  requestStatus: "Ok",
  statusText: null,
};

test("an MMSC that was away is asked by one; the others have not had their attempt, and are taken next", async () => {
  const port = await freePort();
  const peer: Peer = {
    name: "carrier",
    listed: true,
    networks: [],
    tls: "optional",
    clientCertificate: null,
    auth: null,
    mailFromDomains: [],
    limits: { connections: null, messagesPerSecond: null },
    acknowledge: {
      mode: "auto",
      host: "127.0.0.1",
      port,
      connections: 4,
      tls: "off",
      auth: null,
      to: null,
      from: "system",
    },
    rules: ORDINARY_PEER,
    bareNewlines: false,
  };
  const responder = createResponder({
    hostname: "mm4.example.net",
    systemAddress: "system-user@mms.example.net",
    timeoutMs: 30_000,
    awayMs: 0,
  });
  const sendAll = (count: number) =>
    Promise.all(Array.from({ length: count }, (_, index) => responder.send(`a${index}`, RESPONSE, peer)));
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
