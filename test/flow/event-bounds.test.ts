/** What is made of a message is bounded: beyond that it is no event, and its ids are nobody's key. */
import { expect, test } from "vitest";
import { BOUNDS } from "../../src/bounds/bounds.ts";
import { ANSWERS } from "../../src/delivery/acknowledgement.ts";
import { textOf } from "../../src/delivery/event-text.ts";
import { ORDINARY_PEER } from "../../src/delivery/peer-rules.ts";
import { readAckRequest } from "../../src/mm4/ack-request.ts";
import { openMessage, readIds, readReport } from "../../src/mm4/read-message.ts";
import { decodeWords } from "../support/decode-words.ts";
import { deliveryReport, eventOf, type FieldsOf, HEADER_LIMITS, message, read } from "../support/report.ts";

const RESPONSE: FieldsOf = {
  "X-Mms-3GPP-MMS-Version": "6.10.0",
  "X-Mms-Message-Type": "MM4_forward.RES",
  "X-Mms-Transaction-ID": '"tx-1"',
  "X-Mms-Message-ID": '"mm-1"',
  "X-Mms-Request-Status-Code": "Ok",
};
const response = (recipients: string) => message({ ...RESPONSE, "X-Mms-Request-Recipients": recipients });
const opened = (bytes: Uint8Array) => {
  const result = openMessage(bytes, { decodeWords, headerLimits: HEADER_LIMITS });
  if (!result.ok) throw new Error(result.error.kind);
  return result.value;
};
const many = (count: number, field: (index: number) => string) => Array.from({ length: count }, (_, i) => field(i));
const fields = (count: number) =>
  Object.fromEntries(many(count, (index) => `X-Mms-Note-${index}`).map((n) => [n, "x"]));

const { idLength, partyLength, recipients, fieldLength } = BOUNDS;
const at = { id: "x".repeat(idLength.value), party: "p".repeat(partyLength.value) };
const ordinaryFields = Object.values(eventOf(deliveryReport()).data.raw).filter((text) => text !== null).length;

test.each<[what: string, fits: Uint8Array, beyond: Uint8Array, detail: string]>([
  [
    "message id",
    deliveryReport({ "X-Mms-Message-ID": `"${at.id}"` }),
    deliveryReport({ "X-Mms-Message-ID": `"${at.id}x"` }),
    "Its message id has 1,001 characters, must have 1,000 at most",
  ],
  [
    "transaction id",
    deliveryReport({ "X-Mms-Transaction-ID": `<${at.id}>` }),
    deliveryReport({ "X-Mms-Transaction-ID": "<".repeat(60_000) }),
    "Its transaction id has 60,000 characters, must have 1,000 at most",
  ],
  [
    "recipient",
    deliveryReport({ From: at.party }),
    deliveryReport({ From: `${at.party}p` }),
    "Its recipient has 1,001 characters, must have 1,000 at most",
  ],
  [
    "originator",
    deliveryReport({ To: at.party }),
    deliveryReport({ To: `"${"(".repeat(2_000)}" <+12025550199>` }),
    "Its originator has 2,017 characters, must have 1,000 at most",
  ],
  [
    "list of numbers in From",
    deliveryReport({ From: many(500, () => "+12025550100").join(", ") }),
    deliveryReport({ From: many(3_600, (index) => `+1202${index}`).join(",") }),
    "Its field from has 34,893 characters, must have 8,192 at most",
  ],
  [
    "status text",
    deliveryReport({ "X-Mms-Status-Text": "x".repeat(fieldLength.value - "statusText".length) }),
    deliveryReport({ "X-Mms-Status-Text": "x".repeat(60_000) }),
    "Its field statusText has 60,010 characters, must have 8,192 at most",
  ],
  [
    "field of its own, by its name",
    deliveryReport({ [`X-Mms-${"n".repeat(8_000)}`]: "x" }),
    deliveryReport({ [`X-Internal-${"n".repeat(9_000)}`]: "x" }),
    `Its field X-Internal-${"n".repeat(29)} has 9,012 characters, must have 8,192 at most`,
  ],
  [
    "number of fields",
    deliveryReport(fields(BOUNDS.fields.value - ordinaryFields)),
    deliveryReport(fields(900)),
    `It has ${900 + ordinaryFields} fields, must have 200 at most`,
  ],
  [
    "number of recipients",
    response(many(recipients.value, (index) => `+1202555${1_000 + index}/TYPE=PLMN@mms.example.net Ok`).join(", ")),
    response("a,".repeat(30_000)),
    "It names more than 500 recipients",
  ],
  [
    "recipient among others",
    response(`a, ${at.party}, b`),
    response(`a, ${at.party}p, b`),
    "One of its recipients has 1,001 characters, must have 1,000 at most",
  ],
  [
    "status of a recipient",
    response(`a Error-${"x".repeat(900)}`),
    response(`a Error-${"x".repeat(60_000)}`),
    "One of its recipients has 60,007 characters, must have 1,000 at most",
  ],
  [
    "list of recipients in a report that has none",
    deliveryReport({ "X-Mms-Request-Recipients": "a,".repeat(1_000) }),
    deliveryReport({ "X-Mms-Request-Recipients": "a,".repeat(30_000) }),
    "Its field X-Mms-Request-Recipients has 60,024 characters, must have 8,192 at most",
  ],
  [
    "event as a whole",
    response(many(60, () => "p".repeat(700)).join(",")),
    response(many(60, () => `${"p".repeat(500)}@${"d".repeat(490)}`).join(",")),
    "Its event would have 153,925 bytes, must have 131,072 at most",
  ],
])(
  "the %s is bounded: up to there it is an event, and beyond it a problem that says what",
  (_, fits, beyond, detail) => {
    expect(Buffer.byteLength(textOf(eventOf(fits)))).toBeLessThanOrEqual(BOUNDS.eventBytes.value);
    expect(read(beyond)).toEqual({
      ok: false,
      error: { kind: "event-too-large", detail: expect.stringContaining(detail) },
    });
  },
);

test("a response that names five hundred recipients with their domains, behind an antivirus gateway, is an event", () => {
  const list = many(500, (index) => `+1202555${1_000 + index}/TYPE=PLMN@mms-relay.carrier.example.net Ok`).join(
    ",\r\n ",
  );
  const gateway = `${"tFlRYOfmR0USKU3SDLe5eQYWFRKnQ8e".repeat(120)}`;
  const bytes = message({
    ...RESPONSE,
    "X-Brightmail-Tracker": gateway,
    "X-AuditID": gateway,
    "X-Mms-Request-Recipients": list,
  });
  expect(eventOf(bytes).data.requestRecipients.length).toBe(500);
});

test("of a list of thirty thousand recipients one more than the bound is read, and no further", () => {
  const report = readReport(opened(response("a,".repeat(30_000))), ORDINARY_PEER, { decodeWords });
  expect(report.ok && report.value.requestRecipients.length).toBe(recipients.value + 1);
});

test("no event, no trace and no acknowledgement has an id that is longer than the bound, nor a cut one", () => {
  const long = "x".repeat(idLength.value + 1);
  for (const name of ["X-Mms-Message-ID", "X-Mms-Transaction-ID"]) {
    const bytes = deliveryReport({ [name]: long, "X-Mms-Ack-Request": "Yes", Sender: "system@mmsc.example.net" });
    const [message, transaction] =
      name === "X-Mms-Message-ID" ? [null, "tx-1@mmsc.example.net"] : ["mm-1@mmsc.example.net", null];
    expect(readIds(opened(bytes))).toEqual({ messageId: message, transactionId: transaction });
    const context = { mailFrom: "", systemAddress: "us@mms.example.net", rules: ORDINARY_PEER, always: true };
    expect(readAckRequest(opened(bytes), context)).toBe(null);
    const shorter = deliveryReport({ [name]: long.slice(1), "X-Mms-Ack-Request": "Yes", Sender: "a@mmsc.example.net" });
    expect(Object.values(readAckRequest(opened(shorter), context) ?? {})).toContain(long.slice(1));
  }
});

test("the job of an acknowledgement has 16 KiB at most, whatever its report and its MMSC said", () => {
  // A character of control is six in JSON; nothing is longer.
  const id = `a${"\u0001".repeat(BOUNDS.idEchoed.value - 1)}`;
  const bytes = deliveryReport({
    "X-Mms-3GPP-MMS-Version": "999.999.999",
    "X-Mms-Message-Type": `MM4_${"x".repeat(60)}.REQ`,
    "X-Mms-Message-ID": id,
    "X-Mms-Transaction-ID": id,
    "X-Mms-Ack-Request": "Yes",
    Sender: `${"s".repeat(60)}@${"d".repeat(190)}`,
  });
  const context = { mailFrom: "", systemAddress: "us@mms.example.net", rules: ORDINARY_PEER, always: true };
  const asked = readAckRequest(opened(bytes), context);
  expect(asked?.messageId).toBe(id);
  const job = {
    ...asked,
    ...ANSWERS["too-large"],
    peer: "p".repeat(64),
    eventId: `r${"0".repeat(32)}`,
    receivedAt: "",
  };
  const words = "w".repeat(500);
  expect(JSON.stringify({ ...job, bounce: { diagnostic: words }, failedReason: words }).length).toBeLessThan(16_384);
});
