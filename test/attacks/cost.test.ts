/**
 * Whatever a peer writes, and wherever, nothing that its message passes through costs
 * more a byte than for a message of an eighth of the size: recognising, reading, judging,
 * the log, the trace, its acknowledgement at each attempt, the page, the board, the commands.
 */

import type { Redis } from "ioredis";
import { expect, test } from "vitest";
import { readBounce } from "../../src/acknowledgement/bounce.ts";
import type { AcknowledgementEntry } from "../../src/acknowledgement/desk.ts";
import { shownJob } from "../../src/admin/board.ts";
import { row } from "../../src/admin/peer-acknowledgements.ts";
import { inBrief, show } from "../../src/admin/quarantine-message.ts";
import { told } from "../../src/admin/report-told.ts";
import { describeEntry } from "../../src/cli/acks.ts";
import { describeJob } from "../../src/cli/failed.ts";
import { fitted, jsonOf } from "../../src/cli/terminal.ts";
import { type Acknowledgement, ANSWERS } from "../../src/delivery/acknowledgement.ts";
import type { DeliveryEvent } from "../../src/delivery/event.ts";
import type { Fate } from "../../src/delivery/fate.ts";
import { ORDINARY_PEER } from "../../src/delivery/peer-rules.ts";
import type { QuarantinedMessage, QuarantineReason } from "../../src/delivery/quarantined.ts";
import { readEvent } from "../../src/flow/read.ts";
import { readAckRequest } from "../../src/mm4/ack-request.ts";
import { composeResponse } from "../../src/mm4/compose-response.ts";
import { type OpenMessage, openMessage, readIds } from "../../src/mm4/read-message.ts";
import { recognise } from "../../src/mm4/recognise.ts";
import { createLog } from "../../src/monitoring/log.ts";
import { acknowledgementId } from "../../src/queue/owed-jobs.ts";
import { describeEvent } from "../../src/text/describe.ts";
import { maskHeader } from "../../src/text/mask-header.ts";
import { maskEvent } from "../../src/text/masking.ts";
import { visible } from "../../src/text/visible.ts";
import { entryIn, lineOf, type ReportEntry, summaryOf, type TraceEntry } from "../../src/trace/entry.ts";
import { expanded, notesOf } from "../../src/trace/expand.ts";
import { traceMessages } from "../../src/trace/fate-note.ts";
import { byReport, idsOf, type TracedReport } from "../../src/trace/note.ts";
import { tellReport } from "../../src/trace/told.ts";
import { createTraceWriter } from "../../src/trace/writer.ts";
import { bounce } from "../support/bounce.ts";
import { decodeWords } from "../support/decode-words.ts";
import { faultOf, SHORTER, tooDear } from "../support/linear.ts";
import { readingBy } from "../support/notes.ts";
import { PEER } from "../support/report.ts";
import { tables } from "../support/tables.ts";

/** What a peer may write again and again: the n-th, one character a byte. */
type Shape = (index: number) => string;

const again = (...texts: readonly string[]): readonly Shape[] => texts.map((text) => () => text);
const SHAPES: readonly Shape[] = [
  ...again(">", '"', "<", " ", "\t", "(", ")", "a(", ",", ";", ":", "@", ".", "\\", "'", "=?", "=?a?b?", "\r\n "),
  ...again(
    "=?utf-8?q?=",
    "=?utf-8?b?QQ==?= ",
    "1",
    "0",
    "+1",
    "1-",
    "1 ",
    "1 (",
    "1 .",
    "%2B1",
    "/TYPE=",
    "/TYPE=PLMN@",
  ),
  ...again(
    "\u0000",
    "\u0007",
    "\u009b",
    "\u00c3",
    "\u00e9",
    "\u00e2\u0080\u00ae",
    "\u00e2\u0080\u008b",
    "<a>,",
    "a@b,",
    "a;",
  ),
  // Thousands of numbers and of recipients, each another one.
  (index) => `+1202555${String(index).padStart(4, "0")}/TYPE=PLMN,`,
  (index) => `1202555${String(index).padStart(4, "0")} `,
  (index) => `(202) 555-${String(index).padStart(4, "0")}; `,
  (index) => `${index},`,
];

const FIELDS = [
  "X-Mms-Message-ID",
  "X-Mms-Transaction-ID",
  "From",
  "To",
  "Sender",
  "X-Mms-Originator-System",
  "X-Mms-Request-Recipients",
  "X-Mms-MM-Status-Code",
  "X-Mms-MM-Status-Extension",
  "X-Mms-Status-Text",
  "X-Internal-Status-Code",
  "X-Mms-Request-Status-Code",
  "X-Mms-Read-Status",
  "X-Mms-3GPP-MMS-Version",
  "X-Mms-Message-Type",
  "X-Mms-Anything",
  "Date",
  "Received",
];

/** Encoded words: a thousand cost as much a byte as ten, and a word what hundreds of other characters do. */
const WORDS: readonly Shape[] = [
  ...["utf-8", "iso-2022-jp", "big5", "gb18030", "utf-16le"].flatMap((charset) =>
    again(`=?${charset}?b?GyRC?=,`, `=?${charset}?q?a?=,`, `=?${charset}?b?GyRC?= `),
  ),
  // Each of another charset, or of one that there is not.
  (index) => `=?utf-8*${index}?q?a?=,`,
  (index) => `=?x-${index}?q?a?=,`,
];
const FIELDS_OF_WORDS = ["From", "X-Mms-Request-Recipients", "X-Mms-Status-Text"];

/** A sixth of what a header may be. */
const SIZE = 10_000;
const WHOLE_SIZE = 60_000;
/** Some milliseconds. What was mended took thousands of them for texts of this size. */
const CHEAP = 1500;
/** Some ten milliseconds. A header full of encoded words took more than twice as much when each was decoded. */
const DEAR = 200;
/** A type of 60,000 quotation marks took 25, ordinary fields of that size take 3. */
const RECOGNISED = 60;
/** What is wrong is wrong for many; it takes long to be sure of each. */
const MAX_TOLD = 3;
const LIMITS = { bytes: 65_536, fields: 30_000 };

/** A hostile message, and what it has become on its way. */
interface Hostile {
  readonly size: number;
  readonly text: string;
  readonly bytes: Uint8Array;
  readonly opened: OpenMessage;
  /** Null where it makes none. */
  readonly event: DeliveryEvent | null;
  readonly ack: Acknowledgement;
  readonly entry: AcknowledgementEntry;
  readonly kept: ReportEntry;
  readonly report: TracedReport;
}

const READING = { decodeWords, headerLimits: LIMITS, ...tables(), source: "/mm4d/local" };
const read = (bytes: Uint8Array) =>
  readEvent({ bytes, peer: PEER, rules: ORDINARY_PEER, receivedAt: new Date("2026-01-02T03:04:05.678Z") }, READING);
const log = createLog({ level: "debug", numbers: "masked", process: null, to: { write: (line) => void line.length } });
const OPERATOR = { loggedIn: true, numbers: "masked" } as const;
const ENVELOPE = { systemAddress: "system-user@mms.example.net", to: "a@mmsc.example.net", mailMessageId: "a@b" };
const CONTEXT = { mailFrom: "", systemAddress: ENVELOPE.systemAddress, rules: ORDINARY_PEER, always: true };

/** Everything that a message passes through. */
const STAGES: Readonly<Record<string, (hostile: Hostile) => unknown>> = {
  "recognising, before its 250": ({ bytes }) => recognise(bytes, READING),
  "reading, judging, explaining": ({ bytes }) => read(bytes),
  "what it asks to be answered": ({ opened }) => readAckRequest(opened, CONTEXT),
  "its acknowledgement, at each attempt": ({ ack }) => {
    acknowledgementId(ack, "j1");
    return composeResponse(ack, { ...ENVELOPE, date: new Date(0) });
  },
  "its event as JSON": ({ event }) => JSON.stringify(event),
  "the log": ({ event, ack, text }) => {
    if (event) {
      log.reportPublished("s1", event, "j1");
      log.reportDuplicate("s1", event, "j1");
      log.reportConflict(event);
      log.codeUnknown(event);
    }
    log.acknowledgementSent("a1", ack, { reply: text });
    log.acknowledgementRetried("a1", ack, { reason: text });
    log.acknowledgementFailed("a1", ack, { reason: text });
    log.bounceReceived("carrier", { diagnostic: text }, ack);
    log.sessionRefused({ helo: text });
  },
  "the trace, written": ({ kept, event }) => {
    const redis = { status: "end" } as Redis;
    const writer = createTraceWriter({ place: { redis, prefix: "bull" }, hours: 1, maxBytes: 1e6 });
    writer.write(kept);
    if (event) idsOf(event);
    const { ids, at } = kept;
    writer.write({ kind: "queued", at, recordId: "j1", duplicateOf: null, ids, event });
    return byReport([kept, kept, kept]);
  },
  "the trace, read again": async ({ kept }) => {
    const entry = entryIn(lineOf(kept)) as ReportEntry;
    return expanded([entry, entry], new Set(), readingBy({ nanp: true }));
  },
  "the trace, told": ({ report }) =>
    fitted(tellReport(report, "masked").headline.concat(report.notes.length.toString())),
  "the trace, in full": ({ report }) => jsonOf([report, tellReport(report, "full")]),
  "the page of a report": ({ report }) =>
    told(report, { ...OPERATOR, queue: "events", address: "/reports/x" }).toString(),
  "the page of acknowledgements": ({ entry }) => row(entry, OPERATOR).toString(),
  "the board": ({ event, ack, text }) => [
    event && shownJob({ ...event }),
    shownJob({ ...ack }),
    shownJob({ detail: text }),
  ],
  tail: ({ event }) => event && fitted(describeEvent(maskEvent(event))) + jsonOf(maskEvent(event)),
  explain: ({ event }) => event && fitted(describeEvent(event)) + jsonOf(event, 2),
  "acks list": ({ entry }) => fitted(describeEntry(entry, "masked")) + jsonOf(entry),
  "failed list": ({ event, text }) =>
    event && fitted(describeJob({ id: "j1", failedAt: "", attempts: 1, error: text, event }, "masked")),
  "quarantine show": ({ bytes }) => visible(maskHeader(Buffer.from(bytes).toString(), [])),
  "the page of quarantine": ({ bytes, text }) => {
    const desk = { readBody: async () => ({ text, parts: [text] }), wouldBecome: () => text };
    return show({ id: "j1", message: quarantined(bytes, "no-status", text) }, desk, [], OPERATOR);
  },
  "the list of the quarantine": ({ bytes, text }) =>
    (["no-status", "event-too-large", "type-outside-header"] as const).map((reason) =>
      inBrief(quarantined(bytes, reason, text), OPERATOR),
    ),
};

function quarantined(bytes: Uint8Array, reason: QuarantineReason, detail: string): QuarantinedMessage {
  const raw = Buffer.from(bytes).toString("base64");
  return { reason, detail, peer: PEER, receivedAt: "2026-01-02T03:04:05.678Z", raw };
}

test.each(Object.entries(STAGES))(
  "%s costs no more a byte for a message that is eight times as large, whatever is in whichever field",
  async (stage, work) => {
    const faults: string[] = [];
    for (const field of FIELDS) {
      if (faults.length >= MAX_TOLD) break;
      for (const shape of SHAPES) {
        const fault = await faultOf(
          sized(messages(field, shape, SIZE), work),
          () => sized(messages(field, shape, SIZE / SHORTER), work),
          CHEAP,
        );
        if (fault !== null && faults.push(`${stage}: ${field}: ${JSON.stringify(shape(1))}: ${fault}`) >= MAX_TOLD)
          break;
      }
    }
    expect(faults).toEqual([]);
  },
);

test("nor for thousands of fields, recipients, numbers and folds, up to all that a header may be", async () => {
  const faults: string[] = [];
  for (const [name, text] of Object.entries(WHOLE_HEADERS)) {
    if (faults.length >= MAX_TOLD) break;
    for (const [stage, work] of Object.entries(STAGES)) {
      const of = (size: number) => sized(hostileOf(text(size), size), work);
      const fault = await faultOf(of(WHOLE_SIZE), () => of(WHOLE_SIZE / SHORTER), CHEAP);
      if (fault !== null && faults.push(`${stage}: ${name}: ${fault}`) >= MAX_TOLD) break;
    }
  }
  expect(faults).toEqual([]);
});

test("whatever is in whichever field, reading costs no more than a few hundred scans of as many plain characters", async () => {
  const faults: string[] = [];
  for (const [fields, shapes] of [[FIELDS, SHAPES] as const, [FIELDS_OF_WORDS, WORDS] as const]) {
    for (const field of fields) {
      for (const shape of shapes) {
        if (faults.length >= MAX_TOLD) break;
        const bytes = Buffer.from(`${headerOf(field, `a${textOf(shape, WHOLE_SIZE)}x`)}\r\n`, "latin1");
        const fault = await tooDear({ size: WHOLE_SIZE, work: () => read(bytes) }, DEAR);
        if (fault !== null) faults.push(`${field}: ${JSON.stringify(shape(1))}: ${fault}`);
      }
    }
  }
  expect(faults).toEqual([]);
});

test("nor does recognising cost more than some scans, where no encoded word has the whole header read", async () => {
  const faults: string[] = [];
  for (const field of FIELDS) {
    for (const shape of SHAPES.filter((one) => !one(1).includes("=?"))) {
      if (faults.length >= MAX_TOLD) break;
      const bytes = Buffer.from(`${headerOf(field, `a${textOf(shape, WHOLE_SIZE)}x`)}\r\n`, "latin1");
      const fault = await tooDear({ size: WHOLE_SIZE, work: () => recognise(bytes, READING) }, RECOGNISED);
      if (fault !== null) faults.push(`${field}: ${JSON.stringify(shape(1))}: ${fault}`);
    }
  }
  expect(faults).toEqual([]);
});

test("nor does reading a bounce", async () => {
  const faults: string[] = [];
  const parts = {
    "Diagnostic-Code": "recipient",
    "Message-ID": "returned",
    References: "top",
    Action: "recipient",
  } as const;
  for (const [field, part] of Object.entries(parts)) {
    for (const shape of SHAPES.slice(0, 20)) {
      const of = (size: number) => {
        const bytes = bounce({ [part]: [`${field}: ${textOf(shape, size)}`] });
        return { size, work: () => readBounce(bytes, "mms.example.net") };
      };
      const fault = await faultOf(of(SIZE), () => of(SIZE / SHORTER), CHEAP);
      if (fault !== null && faults.push(`${field}: ${JSON.stringify(shape(1))}: ${fault}`) >= MAX_TOLD) break;
    }
  }
  expect(faults).toEqual([]);
});

/** Headers as long as a header may be, of many small things. */
const WHOLE_HEADERS: Readonly<Record<string, (size: number) => string>> = {
  "fields of other names": (size) => `${REPORT}${textOf((index) => `X-Mms-${index}: a\r\n`, size)}`,
  "one field again and again": (size) => `${REPORT}${textOf((index) => `X-Mms-Status-Text: ${index}\r\n`, size)}`,
  "ids again and again": (size) => `${REPORT}${textOf((index) => `X-Mms-Message-ID: ${index}\r\n`, size)}`,
  "codes again and again": (size) => `${REPORT}${textOf((index) => `X-Internal-Status-Code: ${index}\r\n`, size)}`,
  "empty types and statuses": (size) =>
    `${REPORT}${textOf((index) => (index % 2 ? "X-Mms-Message-Type:\r\n" : "X-Mms-Status:\r\n"), size)}`,
  "statuses that decode to nothing": (size) => `${REPORT}${textOf(() => "X-Mms-Status: =?utf-8?q??=\r\n", size)}`,
  "lines that are no fields": (size) => `${REPORT}${textOf(() => "a\r\n", size)}`,
  folds: (size) => `${REPORT}X-Mms-Status-Text: ${textOf(() => "\r\n a", size)}\r\n`,
  recipients: (size) => `${RESPONSE}X-Mms-Request-Recipients: ${textOf(() => "a,", size)}\r\n`,
  "recipients with a status": (size) =>
    `${RESPONSE}X-Mms-Request-Recipients: ${textOf((index) => `+1202555${1_000 + index} Ok,`, size)}\r\n`,
  "recipients of a hundred digits, as many as an event may hold": (size) =>
    `${RESPONSE}X-Mms-Request-Recipients: ${textOf(digitsOf, (2 * size) / 3)}\r\n`,
  numbers: (size) => `${REPORT}From: ${textOf((index) => `1202555${1_000 + index} `, size)}\r\n`,
  "numbers that are digits of each other": (size) =>
    `${REPORT}From: ${"1".repeat(size / 2)}\r\nX-Mms-Message-ID: ${"1".repeat(size / 2)}\r\n`,
  "one id": (size) => `${REPORT}X-Mms-Message-ID: a${">".repeat(size)}x\r\n`,
};

/** Others each time. */
function digitsOf(index: number): string {
  return `${String((index + 1) / 7)
    .replace(".", "")
    .repeat(7)},`;
}

const REPORT = "X-Mms-Message-Type: MM4_delivery_report.REQ\r\nX-Mms-MM-Status-Code: Retrieved\r\n";
const RESPONSE = "X-Mms-Message-Type: MM4_forward.RES\r\nX-Mms-Request-Status-Code: Ok\r\n";

function sized(hostile: Hostile, work: (hostile: Hostile) => unknown) {
  return { size: hostile.size, work: () => work(hostile) };
}

function textOf(shape: Shape, size: number): string {
  let text = "";
  for (let index = 0; text.length < size; index += 1) text += shape(index);
  return text.slice(0, size);
}

/** Each is made once. */
const made = new Map<string, Hostile>();

function messages(field: string, shape: Shape, size: number): Hostile {
  const key = `${field} ${SHAPES.indexOf(shape)} ${size}`;
  const known = made.get(key);
  if (known) return known;
  const value = `a${textOf(shape, size)}x`;
  const hostile = hostileOf(headerOf(field, value), size, value);
  made.set(key, hostile);
  return hostile;
}

/** Of a report whose one field has this value. */
function headerOf(field: string, value: string): string {
  const forward = field === "X-Mms-Request-Recipients" || field === "X-Mms-Request-Status-Code";
  const type = forward
    ? "MM4_forward.RES"
    : field === "X-Mms-Read-Status"
      ? "MM4_read_reply_report.REQ"
      : "MM4_delivery_report.REQ";
  const ordinary = {
    "X-Mms-Message-Type": type,
    "X-Mms-Message-ID": "mm-1",
    "X-Mms-Transaction-ID": "tx-1",
    From: "+12025550100/TYPE=PLMN",
    To: "+12025550199/TYPE=PLMN",
    "X-Mms-MM-Status-Code": "Retrieved",
    "X-Mms-Request-Status-Code": "Ok",
    "X-Internal-Status-Code": "470",
  };
  const lines = Object.entries({ ...ordinary, [field]: value }).map(([name, text]) => `${name}: ${text}\r\n`);
  return lines.join("");
}

function hostileOf(header: string, size: number, text = header): Hostile {
  const bytes = Buffer.from(`${header}\r\n`, "latin1");
  const result = openMessage(bytes, READING);
  if (!result.ok) throw new Error(result.error.kind);
  const opened = result.value;
  const event = read(bytes);
  const asked = readAckRequest(opened, CONTEXT);
  const values = (name: "messageId" | "transactionId"): string | null => opened.fields.token(name).bytes || null;
  const ack: Acknowledgement = {
    peer: "carrier",
    eventId: event.ok ? event.value.id : null,
    receivedAt: "2026-01-02T03:04:05.678Z",
    messageType: "MM4_delivery_report.RES",
    version: null,
    transactionId: values("transactionId"),
    messageId: values("messageId"),
    to: null,
    originator: null,
    ...asked,
    ...ANSWERS.event,
  };
  const entry: AcknowledgementEntry = {
    id: "a1",
    state: "undelivered",
    acknowledgement: {
      ...ack,
      bounce: { action: "failed", status: null, diagnostic: text, receivedAt: ack.receivedAt },
    },
    attempts: 3,
    error: text,
    reply: null,
    at: null,
  };
  const owed = { state: "none" } as const;
  const finding = event.ok
    ? ({ kind: "event", event: event.value, owed } as const)
    : ({ kind: "ignored", messageType: "MM4_x.REQ", advice: null, owed } as const);
  const ids = readIds(opened);
  const said = {
    sessionId: "s1",
    peer: PEER,
    entry: { rules: ORDINARY_PEER, acknowledge: { mode: "off", host: null, to: null } },
    mailFrom: text,
    receivedAt: "2026-01-02T03:04:05.678Z",
    recognised: "report",
    bytes: bytes.length,
    said: bytes.toString("latin1"),
  } as const;
  const found = { said, finding, ids };
  const kept = keptOf(
    event.ok
      ? { kind: "queued", id: "j1", read: found, event: event.value }
      : { kind: "ignored", id: "j1", read: found },
  );
  const sent = {
    kind: "acknowledgement",
    at: kept.at,
    id: "a1",
    result: "retried",
    detail: text,
    ids: kept.ids,
  } as const;
  const summary = event.ok ? summaryOf(event.value) : null;
  const report: TracedReport = {
    event: event.ok ? event.value : null,
    said: summary && { ...summary, code: 1, warnings: [] },
    today: summary && { kind: "event", event: summary },
    ids: kept.ids,
    notes: [...notesOf(kept, event.ok ? event.value : null, new Set()), sent, sent],
    job: { state: "failed", attempts: 3, error: text, finishedAt: null },
  };
  return { size, text, bytes, opened, event: event.ok ? event.value : null, ack, entry, kept, report };
}

function keptOf(fate: Fate): ReportEntry {
  const kept: TraceEntry[] = [];
  const replyTo = () => ({ code: 250, text: "2.0.0 stored" });
  traceMessages({ write: (entry) => kept.push(entry), reading: readingBy(), replyTo }).became?.([fate]);
  const [entry] = kept;
  if (entry?.kind !== "report") throw new Error("It is traced");
  return entry;
}
