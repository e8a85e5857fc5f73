/**
 * What an event's id rests on. The vectors are frozen: changing any of them is a
 * new version of the event, because consumers remember ids.
 */
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { deliveryReport, eventOf, type FieldsOf, PEER } from "../support/report.ts";

const RESPONSE = { "X-Mms-Message-Type": "MM4_forward.RES", "X-Mms-MM-Status-Code": undefined };
const READ = { "X-Mms-Message-Type": "MM4_read_reply_report.REQ", "X-Mms-MM-Status-Code": undefined };

/** Fields that differ from the ordinary report, and the fields that are hashed, written out by hand. */
const VECTORS: readonly (readonly [FieldsOf, readonly string[], string])[] = [
  [{}, ["mm-1@mmsc.example.net", "+12025550100", "retrieved/", ""], "rb2b868a5c8842dd225f8873fe9aba12a"],
  [
    { "X-Mms-MM-Status-Code": "Rejected" },
    ["mm-1@mmsc.example.net", "+12025550100", "rejected/", ""],
    "rf292a35dbf0822004dadb8ba206d5338",
  ],
  [
    { "X-Mms-MM-Status-Code": "Un-recognised" },
    ["mm-1@mmsc.example.net", "+12025550100", "unrecognised/", ""],
    "rd1f379554610ba8fad37158bca7517b0",
  ],
  [
    { "X-Mms-MM-Status-Code": "Rejected", "X-Mms-MM-Status-Extension": "Rejection-By-MMS-Recipient" },
    ["mm-1@mmsc.example.net", "+12025550100", "rejected/rejectionbymmsrecipient", ""],
    "rf070626c423a88c72275969cd7b360f1",
  ],
  [
    { "X-Internal-Status-Code": "470" },
    ["mm-1@mmsc.example.net", "+12025550100", "retrieved/", "470"],
    "r275e95a637459faf53dcbc5cfcfe4c48",
  ],
  [
    { "X-Internal-Status-Code": "4470" },
    ["mm-1@mmsc.example.net", "+12025550100", "retrieved/", "470"],
    "r275e95a637459faf53dcbc5cfcfe4c48",
  ],
  [
    { "X-Internal-Status-Code": "ok" },
    ["mm-1@mmsc.example.net", "+12025550100", "retrieved/", "0"],
    "rf0db6b695fdcf5512dd527256bf421e9",
  ],
  [
    { "X-Internal-Status-Code": "none" },
    ["mm-1@mmsc.example.net", "+12025550100", "retrieved/", ""],
    "rb2b868a5c8842dd225f8873fe9aba12a",
  ],
  [
    { "X-Mms-MM-Status-Code": undefined, "X-Internal-Status-Code": "902" },
    ["mm-1@mmsc.example.net", "+12025550100", "/", "902"],
    "ra718d0aa2caeff2bb6b83da336a90db2",
  ],
  [{ "X-Mms-Message-ID": "<AbC@x>" }, ["AbC@x", "+12025550100", "retrieved/", ""], "r3aee1e5b144594c80d96f83f67f10756"],
  [{ "X-Mms-Message-ID": "00024" }, ["00024", "+12025550100", "retrieved/", ""], "r1f1d26467dae662a00092a960f781f3d"],
  [
    { From: "12025550100/TYPE=PLMN@example.net" },
    ["mm-1@mmsc.example.net", "+12025550100", "retrieved/", ""],
    "rb2b868a5c8842dd225f8873fe9aba12a",
  ],
  [{ From: "55501" }, ["mm-1@mmsc.example.net", "55501", "retrieved/", ""], "r81864288ae110e484bf6b7c3a3a76c51"],
  [
    { From: "User@Example.net" },
    ["mm-1@mmsc.example.net", "user@example.net", "retrieved/", ""],
    "r8fdf4a24ccc66cc5470e4a282f1737f9",
  ],
  [{ From: undefined }, ["mm-1@mmsc.example.net", "", "retrieved/", ""], "r2147a4373f63960e8f6b942050532470"],
  [
    { "X-Mms-Message-ID": undefined },
    [
      "",
      "+12025550100",
      "retrieved/",
      "",
      "tx-1@mmsc.example.net",
      "+12025550100/TYPE=PLMN",
      "+12025550199/TYPE=PLMN",
      "Fri, 02 Jan 2026 03:04:00 +0000",
    ],
    "r36bda6aef58cc92bef74a647572917b6",
  ],
  [
    { ...RESPONSE, "X-Mms-Request-Status-Code": "Ok" },
    ["mm-1@mmsc.example.net", "", "ok", ""],
    "r794f727339a615a8302191ffc63086fb",
  ],
  [
    {
      ...RESPONSE,
      "X-Mms-Request-Status-Code": "Error-service-denied",
      "X-Mms-Request-Recipients": "+12025550123/TYPE=PLMN, +12025550111",
    },
    ["mm-1@mmsc.example.net", "+12025550111\n+12025550123", "errorservicedenied", ""],
    "re0cc7d13456842ba8c6c879a931b15c9",
  ],
  [
    { ...READ, "X-Mms-Read-Status": "Deleted without being read" },
    ["mm-1@mmsc.example.net", "+12025550100", "deletedwithoutbeingread", ""],
    "r3cd602ebac0030d09b4563f79e85131a",
  ],
  [{ "X-Mms-Message-ID": "ü-Ω" }, ["ü-Ω", "+12025550100", "retrieved/", ""], "r56bcdc7de8a35bc7cb9b60bb9437a4ff"],
];

describe("the frozen vectors", () => {
  test.each(VECTORS.map(([fields, hashed, id]) => ({ fields, hashed, id })))("$id", ({ fields, hashed, id }) => {
    const event = eventOf(deliveryReport(fields));
    expect(event.id).toBe(id);
    // The same, computed from the contract's words: length-prefixed UTF-8 fields, SHA-256, 32 hex digits.
    const hash = createHash("sha256");
    for (const field of ["v1", PEER.name, event.type, ...hashed]) hash.update(`${Buffer.byteLength(field)}:${field}`);
    expect(event.id).toBe(`r${hash.digest("hex").slice(0, 32)}`);
  });
});

test("what a relay may stamp anew does not change the id", () => {
  const { id } = eventOf(deliveryReport());
  const same: readonly FieldsOf[] = [
    { "X-Mms-Transaction-ID": '"tx-2"' },
    { Date: "Sat, 03 Jan 2026 03:04:00 +0000" },
    { Received: "from a by b; Sat, 03 Jan 2026 03:04:00 +0000" },
    { "X-Mms-Message-ID": "mm-1@mmsc.example.net" },
    { "X-Mms-MM-Status-Code": "RETRIEVED" },
    { "X-Mms-Status-Text": "again" },
    { From: "+12025550100" },
    { To: "+12025550177" },
  ];
  for (const fields of same) expect([fields, eventOf(deliveryReport(fields)).id]).toEqual([fields, id]);
});

test("what makes another fact makes another id", () => {
  const others: readonly FieldsOf[] = [
    {},
    { "X-Mms-MM-Status-Code": "Expired" },
    { "X-Mms-MM-Status-Extension": "x" },
    { "X-Internal-Status-Code": "470" },
    { "X-Mms-Message-ID": "MM-1@mmsc.example.net" },
    { From: "+12025550101/TYPE=PLMN" },
  ];
  const ids = others.map((fields) => eventOf(deliveryReport(fields)).id);
  ids.push(eventOf(deliveryReport(), {}, { ...PEER, name: "other" }).id);
  expect(new Set(ids).size).toBe(ids.length);
});

test("a report without a message id is told apart by its transaction and date", () => {
  const without = (fields: FieldsOf) => eventOf(deliveryReport({ "X-Mms-Message-ID": undefined, ...fields })).id;
  expect(without({})).toBe(without({}));
  expect(
    new Set([without({}), without({ "X-Mms-Transaction-ID": "2" }), without({ Date: "x" }), without({ To: "1" })]).size,
  ).toBe(4);
});

test("codes that the catalogue tells apart are two facts, and one code in two forms is one", () => {
  const idOf = (code: string) => eventOf(deliveryReport({ "X-Internal-Status-Code": code })).id;
  const carriers = ["999", "0999", "4999", "9999", "9999 ambiguous"].map(idOf);
  const bandwidths = ["5999", "05999", '"5999"', "5999 service-failure"].map(idOf);
  expect([new Set(carriers).size, new Set(bandwidths).size]).toEqual([1, 1]);
  expect(carriers[0]).not.toBe(bandwidths[0]);
  // Every other form folds: the catalogue has one entry for both.
  expect(idOf("4470")).toBe(idOf("470"));
  expect(idOf("9902")).toBe(idOf("902"));
  // The contract's words, as in the frozen vectors.
  const hashed = ["mm-1@mmsc.example.net", "+12025550100", "retrieved/", "5999"];
  const hash = createHash("sha256");
  for (const field of ["v1", PEER.name, "mm4d.delivery-report.v1", ...hashed])
    hash.update(`${Buffer.byteLength(field)}:${field}`);
  expect(bandwidths[0]).toBe(`r${hash.digest("hex").slice(0, 32)}`);
});

test("two codes in one message that the catalogue tells apart differ", () => {
  const said = (first: string, second: string) =>
    eventOf(deliveryReport({ "X-Internal-Status-Code": `${first}\r\nX-Internal-Status-Code: ${second}` })).data;
  expect(said("5999", "9999")).toMatchObject({
    reason: { httpCode: 9999 },
    warnings: expect.arrayContaining(["duplicate-code"]),
  });
  expect(said("9999", "5999")).toMatchObject({ reason: { httpCode: 5999 } });
  expect(said("999", "9999").warnings).not.toContain("duplicate-code");
});
