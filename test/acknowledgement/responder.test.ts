/** Who sends acknowledgements, to a real MMSC that was away. */
import { expect, test } from "vitest";
import { createResponder } from "../../src/acknowledgement/responder.ts";
import { createTriedMmscs } from "../../src/acknowledgement/tried-mmscs.ts";
import { readPeers } from "../../src/settings/peers.ts";
import { startMmsc } from "../../src/simulator/mmsc.ts";
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

test("what was not tried keeps the cause; one that is put off is no fault of the MMSC's, three are; and an hour later nothing is known", async () => {
  const [port, another] = [await freePort(), await freePort()];
  const entry = (more: object) => {
    const read = readPeers({ peers: [{ name: "carrier", addresses: ["192.0.2.1"], acknowledge: more }] }, () => "");
    if (!read.ok) throw new Error(read.error.join());
    return read.value;
  };
  const peers = entry({ host: "127.0.0.1", port, tls: "off" });
  const responder = createResponder({
    hostname: "mm4.example.net",
    systemAddress: "system-user@mms.example.net",
    timeoutMs: 30_000,
    awayMs: 100_000,
  });
  const mmscs = createTriedMmscs();
  responder.usePeers(peers);
  mmscs.usePeers(peers);
  const send = async (id: string, [peer] = peers) => {
    const result = await responder.send(id, ACKNOWLEDGEMENT, peer);
    if (result.kind === "busy") throw new Error("It is busy");
    mmscs.add(id, "carrier", result);
    return result;
  };
  try {
    for (let index = 0; index < 3; index += 1) await send(`a${index}`);
    const [away] = mmscs.all();
    expect(away?.failing?.reason).toMatch(/ECONNREFUSED/);
    expect(await send("a3")).toMatchObject({ reason: expect.stringMatching(/^Not tried: /) });
    expect(mmscs.all()).toEqual([away]);
    const lastMs = away?.failing?.lastAt.getTime() ?? 0;
    expect(mmscs.all(lastMs + 3_600_000)).toEqual([away]);
    expect(mmscs.all(lastMs + 3_600_001)).toEqual([{ ...away, failing: null }]);
    // What a reload changes is another MMSC, or none.
    const off = entry({ host: "127.0.0.1", port, tls: "off", mode: "off" });
    mmscs.usePeers(off);
    expect(mmscs.all()).toEqual([]);
    await send("a4", off);
    expect(mmscs.all()).toEqual([]);

    const moved = entry({ host: "127.0.0.1", port: another, tls: "off" });
    responder.usePeers(moved);
    mmscs.usePeers(moved);
    const fault = { kind: "4xx", at: "message", times: 5, delayMs: 0 } as const;
    const mmsc = await startMmsc({ host: "127.0.0.1", port: another, fault, onMessage() {} });
    try {
      const failing = async (id: string) => {
        expect(await send(id, moved)).toMatchObject({ kind: "failed", reason: expect.stringMatching(/^4\d\d /) });
        return mmscs.all()[0]?.failing;
      };
      expect([await failing("b1"), await failing("b1"), await failing("b2"), await failing("b2")]).toEqual([
        null,
        null,
        null,
        null,
      ]);
      expect((await failing("b3"))?.reason).toMatch(/^4\d\d /);
      // Nowhere to send it is no fault of an MMSC's.
      const seen = mmscs.all();
      const nowhere = await responder.send("b4", { ...ACKNOWLEDGEMENT, to: null }, moved[0]);
      expect(nowhere).toMatchObject({ kind: "failed", mmsc: "not-asked" });
      if (nowhere.kind === "failed") mmscs.add("b4", "carrier", nowhere);
      expect(mmscs.all()).toEqual(seen);
    } finally {
      await mmsc.stop();
    }
  } finally {
    responder.stop();
  }
});
