/** One record as bytes, and back. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeRecord, encodeRecord, type JournalRecord, scanRecords } from "../../src/journal/record.ts";
import { lineOf, messageContent, readContent, recordOf } from "../support/journal.ts";
import { deliveryReport } from "../support/report.ts";
import { saidRecord } from "../support/said-message.ts";

const LF = 0x0a;

test("whatever a peer says is read back as it was, byte for byte", () => {
  fc.assert(
    fc.property(messageContent, (content) => {
      const record = recordOf("j0", content);
      expect(readBack(encodeRecord(record))).toEqual(record);
    }),
    { numRuns: 1_000 },
  );
});

test("and so is what was read before it was stored", () => {
  fc.assert(
    fc.property(readContent, (content) => {
      const record = recordOf("j0", content);
      expect(readBack(encodeRecord(record))).toEqual(record);
    }),
  );
});

test("its bytes are those that the description tells", () => {
  fc.assert(
    fc.property(fc.oneof(messageContent, readContent), (content) => {
      const record = recordOf("j0", content);
      expect(encodeRecord(record).toString()).toBe(lineOf(record).toString());
    }),
  );
});

describe("on the disk", () => {
  const ID = "j5f0c6b1e9a7d4c3f8b2a1e0d9c8b7a65";
  const message = (said: string) => saidRecord(ID, Buffer.from(said, "latin1"), { sessionId: "c8f2k1m9q7w3x5z6" });

  test("an ordinary report is what was said and little else", () => {
    expect(jsonOf(encodeRecord(message("a\r\n\r\n")))).toEqual({
      id: ID,
      kind: "message",
      at: "2026-01-02T03:04:05.678Z",
      session: "c8f2k1m9q7w3x5z6",
      from: "system-user@mmsc.example.net",
      peer: ["carrier", "192.0.2.1", "mmsc.example.net"],
      said: "a\r\n\r\n",
    });
    const report = Buffer.from(deliveryReport()).toString("latin1");
    const line = encodeRecord(message(report));
    // Its quotes and line ends take some more bytes than they were.
    expect(line.byteLength - JSON.stringify(report).length).toBeLessThanOrEqual(265);
    expect(line.byteLength).toBeLessThanOrEqual(report.length + 310);
  });

  test("of the peer's entry only what reading needs is there", () => {
    const record = message("");
    const acknowledge = { mode: "auto", host: "mmsc", to: null, password: "secret" } as const;
    const rules = { ...record.message.entry.rules, nanp: true, password: "secret" };
    const line = encodeRecord({ ...record, message: { ...record.message, entry: { rules, acknowledge } } });
    expect(jsonOf(line)).toMatchObject({ rules: { nanp: true }, acknowledge: { host: "mmsc" } });
    expect(line.toString()).not.toContain("secret");
  });
});

test("a message whose peer was written by its names, as 1.1.0-dev did at first, is read", () => {
  const written =
    '{"id":"j0","kind":"message","at":"2026-01-02T03:04:05.678Z","session":"s1","from":"","peer":{"name":"carrier",' +
    '"address":"192.0.2.1","user":"relay"},"acknowledge":{"mode":"auto","host":"mmsc","to":null},"said":"a"}';
  const peer = { name: "carrier", address: "192.0.2.1", helo: null, tls: null, user: "relay" };
  const acknowledge = { mode: "auto", host: "mmsc", to: null };
  expect(decodeRecord(Buffer.from(written))).toMatchObject({
    message: { peer, entry: { acknowledge }, mailFrom: "", recognised: "report", bytes: 1, said: "a" },
  });
});

test.each([
  ["a kind that it does not know", '{"id":"j0","kind":"message2","said":""}'],
  ["no id", '{"kind":"message","said":""}'],
  ["an id that is no text", '{"id":1,"kind":"message","said":""}'],
  ["a message of which nothing was said", '{"id":"j0","kind":"message"}'],
  ["null", "null"],
  ["no JSON", "{"],
])("a record of %s is none", (_, json) => {
  expect(decodeRecord(Buffer.from(json))).toBeUndefined();
});

/** The record that these bytes are; they must be one line. */
function readBack(line: Buffer): JournalRecord | undefined {
  expect(line.indexOf(LF)).toBe(line.byteLength - 1);
  const [stretch, ...others] = scanRecords(line);
  expect([stretch?.kind, stretch?.end, others]).toEqual(["record", line.byteLength, []]);
  return stretch?.kind === "record" ? decodeRecord(stretch.json) : undefined;
}

function jsonOf(line: Buffer): unknown {
  return JSON.parse(line.toString().replace(/^\S+ \S+ /, ""));
}
