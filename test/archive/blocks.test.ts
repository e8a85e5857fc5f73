/** The archive's blocks: what is packed comes back, and what is damaged loses itself only. */
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Became } from "../../src/archive/archived.ts";
import {
  type BlockStretch,
  type Packable,
  packBlock,
  readLine,
  scanBlocks,
  unpackBlock,
} from "../../src/archive/blocks.ts";
import { encodeRecord, type JournalRecord, receivedAtOf, scanRecords } from "../../src/journal/record.ts";
import { messageContent, readContent, recordOf } from "../support/journal.ts";
import { saidRecord } from "../support/said-message.ts";

const BECAME: Became = {
  at: "2026-01-02T03:04:06.000Z",
  kind: "queued",
  eventId: "e1",
  outcome: "delivered",
  duplicateOf: null,
  reason: null,
  acknowledged: false,
};

test("whatever a peer says comes back from a block, byte for byte, with what became of it", () => {
  const one = fc.tuple(fc.oneof(messageContent, readContent), fc.boolean());
  fc.assert(
    fc.property(fc.array(one, { minLength: 1, maxLength: 20 }), (contents) => {
      const records = contents.map(([content], index) => recordOf(`j${index}`, content));
      const became = contents.map(([, known]) => (known ? BECAME : null));
      const [block, ...rest] = blocksIn(packBlock(records.map((record, index) => packable(record, became[index]))));
      expect(rest).toEqual([]);
      const lines = unpackBlock(block?.packed ?? Buffer.of());
      expect(lines.map((line) => readLine(line))).toEqual(
        records.map((record, index) => ({ record, became: became[index] })),
      );
      expect(lines.map(String)).toEqual(
        records.map((record, index) => `{"record":${jsonOf(record)},"became":${JSON.stringify(became[index])}}`),
      );
    }),
  );
});

test("what a message says is not taken for the end of its record", () => {
  const record = saidRecord("j1", Buffer.from('x","became":{"at":"y","kind":"queued"}}\r\n{"record":{"id":"j2"'));
  const [block] = blocksIn(packBlock([packable(record, null)]));
  expect(unpackBlock(block?.packed ?? Buffer.of()).map(readLine)).toEqual([{ record, became: null }]);
});

test("a record comes back however large its message is, as MM4D_MAX_MESSAGE_BYTES allows", () => {
  const json = Buffer.concat([Buffer.from('{"said":"'), Buffer.alloc(70 * 2 ** 20, "\\u0000"), Buffer.from('"}')]);
  const [block] = blocksIn(packBlock([{ json, receivedMs: 0, became: null }]));
  const [line = Buffer.of()] = unpackBlock(block?.packed ?? Buffer.of());
  expect(line.includes(json)).toBe(true);
});

test("its head tells how many records it has, and when the earliest and the latest were received", () => {
  const times = ["2026-01-02T03:04:06.000Z", "2026-01-02T03:04:05.678Z", "2026-01-02T03:05:00.001Z"];
  const packed = packBlock(times.map((receivedAt, index) => packable(message(`j${index}`, receivedAt), null)));
  expect(blocksIn(packed).map(({ head }) => head)).toEqual([
    { firstMs: Date.parse(times[1] ?? ""), lastMs: Date.parse(times[2] ?? ""), count: 3 },
  ]);
  const line = packed.toString("latin1").split("\n")[0];
  expect(line).toMatch(/^mm4d-archive 1 [0-9a-f]{8} \d+ 2026-01-02T03:04:05\.678Z 2026-01-02T03:05:00\.001Z 3$/);
  // As the description says, and not by the code's own sum.
  const told = line?.slice("mm4d-archive 1 xxxxxxxx ".length);
  const bytes = packed.subarray((line?.length ?? 0) + 1, -1);
  const sum = crc32(Buffer.concat([Buffer.from(`${told}\n`), bytes]));
  expect(line?.split(" ")[2]).toBe(sum.toString(16).padStart(8, "0"));
});

describe("of three blocks", () => {
  const blocks = ["a", "b", "c"].map((id) => packBlock([packable(message(id), BECAME)]));
  const file = Buffer.concat(blocks);
  const idsIn = (bytes: Buffer) =>
    blocksIn(bytes).flatMap(({ packed }) => unpackBlock(packed).map((line) => readLine(line)?.record.id));

  test("whichever byte of one is another, the other two are read, and what is lost is said", () => {
    const [first = 0, second = 0] = blocks.map((block) => block.byteLength);
    const last = file.byteLength - 1;
    for (let at = 0; at < file.byteLength; at += 1) {
      const damaged = Buffer.from(file);
      damaged[at] = (damaged[at] ?? 0) ^ 0x40;
      // The line feed at the end of each is none of its own.
      const hit =
        at < first - 1
          ? "a"
          : at < first
            ? ""
            : at < first + second - 1
              ? "b"
              : at < first + second || at === last
                ? ""
                : "c";
      expect([at, idsIn(damaged)]).toEqual([at, ["a", "b", "c"].filter((id) => id !== hit)]);
      expect([...scanBlocks(damaged)].filter(({ kind }) => kind === "damaged").length).toBe(hit === "" ? 0 : 1);
    }
  });

  test("wherever the file is cut, all blocks before that are read", () => {
    for (let length = 0; length < file.byteLength; length += 1) {
      const ends = [1, 2, 3].map((count) => Buffer.concat(blocks.slice(0, count)).byteLength - 1);
      const whole = ends.filter((end) => end <= length).length;
      expect([length, idsIn(file.subarray(0, length))]).toEqual([length, ["a", "b", "c"].slice(0, whole)]);
    }
  });

  test("bytes between them that are none are passed over", () => {
    const noise = Buffer.from("mm4d-archive 1 \nmm4d-archive 1 00000000 3 x y 1\nabc\n");
    const [a, b, c] = blocks as [Buffer, Buffer, Buffer];
    expect(idsIn(Buffer.concat([noise, a, noise, b, Buffer.of(0, 0, 10), c]))).toEqual(["a", "b", "c"]);
  });
});

test("any bytes are split without a gap, and never end the reader", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => {
      let at = 0;
      for (const { start, end } of scanBlocks(Buffer.from(bytes))) {
        expect([start, end > start]).toEqual([at, true]);
        at = end;
      }
      expect(at).toBe(bytes.length);
    }),
  );
});

test("a line that is none of ours is no record", () => {
  for (const line of [
    "",
    "{}",
    '{"record":1,"became":null}',
    '{"record":{"id":"x","kind":"later"},"became":null}',
    "x",
  ])
    expect([line, readLine(Buffer.from(line))]).toEqual([line, undefined]);
});

function blocksIn(bytes: Buffer): readonly Extract<BlockStretch, { kind: "block" }>[] {
  return [...scanBlocks(bytes)].filter((stretch) => stretch.kind === "block");
}

function message(id: string, receivedAt = "2026-01-02T03:04:05.678Z"): JournalRecord {
  return saidRecord(id, Buffer.from("X-Mms-Message-Type: MM4_delivery_report.REQ\r\n\r\n"), { receivedAt });
}

function packable(record: JournalRecord, became: Became | null | undefined): Packable {
  return {
    json: jsonOf(record),
    receivedMs: Date.parse(receivedAtOf(record)),
    became: became ? JSON.stringify(became) : null,
  };
}

function jsonOf(record: JournalRecord): Buffer {
  const [stretch] = scanRecords(encodeRecord(record));
  if (stretch?.kind !== "record") throw new Error("No record");
  return stretch.json;
}
