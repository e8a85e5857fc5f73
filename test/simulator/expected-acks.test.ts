/** What the simulated carrier finds wrong with acknowledgements. */
import { expect, test } from "vitest";
import { createExpectedAcks } from "../../src/simulator/expected-acks.ts";
import type { MmscMessage } from "../../src/simulator/mmsc.ts";
import { deliveryReport, type FieldsOf, message } from "../support/report.ts";

const RIGHT = {
  "X-Mms-3GPP-MMS-Version": "6.10.0",
  "X-Mms-Message-Type": "MM4_delivery_report.RES",
  "X-Mms-Transaction-ID": '"tx-1@mmsc.example.net"',
  "X-Mms-Message-ID": '"mm-1@mmsc.example.net"',
  "X-Mms-Request-Status-Code": "Ok",
  Sender: "system-user@mms.example.net",
  To: "system-user@mmsc.example.net",
  Date: "Fri, 02 Jan 2026 03:04:00 +0000",
  "Message-ID": "<1@mms.example.net>",
};

function responseOf(fields: FieldsOf, answer: MmscMessage["answer"] = "taken"): MmscMessage {
  const bytes = message({ ...RIGHT, ...fields });
  return {
    bytes,
    answer,
    mailFrom: "",
    rcptTo: [],
    envelopeId: null,
    receivedAt: new Date(),
    tls: false,
    user: null,
  };
}

function resultOf(responses: readonly FieldsOf[], lateMs = 60_000, answer: MmscMessage["answer"] = "taken") {
  const acks = createExpectedAcks(lateMs);
  acks.expect({ bytes: deliveryReport(), acknowledgedAs: "Ok" });
  for (const fields of responses) acks.received(responseOf(fields, answer));
  return acks.result();
}

test("right, late, missing, repeated, for nothing that was sent, refused by us", () => {
  const none = { expected: 1, right: 0, late: 0, repeated: 0, unexpected: 0, wrong: [], missing: [] };
  const missing = [RIGHT["X-Mms-Transaction-ID"]];
  expect(resultOf([{}])).toEqual({ ...none, right: 1 });
  expect(resultOf([{}], -1)).toEqual({ ...none, right: 1, late: 1 });
  expect(resultOf([])).toEqual({ ...none, missing });
  expect(resultOf([{}, {}])).toEqual({ ...none, right: 1, repeated: 1 });
  expect(resultOf([{ "X-Mms-Transaction-ID": "tx-1@mmsc.example.net" }])).toEqual({ ...none, unexpected: 1, missing });
  expect(resultOf([{}], 0, "refused")).toEqual({ ...none, missing });
});

test("several on one transaction id, as Cellcom's, are each acknowledged", () => {
  const acks = createExpectedAcks(60_000);
  for (let sent = 0; sent < 2; sent += 1) acks.expect({ bytes: deliveryReport(), acknowledgedAs: "Ok" });
  acks.received(responseOf({}));
  expect(acks.result()).toMatchObject({ expected: 2, right: 1, missing: [RIGHT["X-Mms-Transaction-ID"]] });
  acks.received(responseOf({}));
  acks.received(responseOf({}));
  expect(acks.result()).toMatchObject({ expected: 2, right: 2, missing: [], repeated: 1 });
});

test.each<[FieldsOf, string]>([
  [{ "X-Mms-Message-ID": "mm-1@mmsc.example.net" }, "x-mms-message-id"],
  [{ "X-Mms-Message-ID": undefined }, "x-mms-message-id"],
  [{ "X-Mms-Request-Status-Code": "Error-unspecified" }, "x-mms-request-status-code"],
  [{ "X-Mms-Message-Type": "MM4_forward.RES" }, "x-mms-message-type"],
  [{ "X-Mms-3GPP-MMS-Version": "5.5.0" }, "x-mms-3gpp-mms-version"],
  [{ Sender: undefined }, "sender"],
  [{ Date: undefined }, "date"],
])("%j is wrong", (fields, field) => {
  const { right, wrong, missing } = resultOf([fields]);
  expect([right, missing]).toEqual([0, []]);
  expect(wrong).toEqual([expect.stringContaining(`${field} is `)]);
});
