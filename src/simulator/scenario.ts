/**
 * A carrier's reports over the life of MMs: a few messages for each MM, in the order
 * of sending. Pure, except for the ids and the dates.
 */
import { randomUUID } from "node:crypto";
import { composePdu, type PduKind, type PduToCompose } from "../mm4/compose.ts";
import type { Dialect } from "../mm4/dialects.ts";
import { RELAY_HOST } from "./relay-connection.ts";

/** One message, and how a correct server acknowledges it. */
export interface Step {
  readonly bytes: Uint8Array;
  readonly messageId: string;
  readonly originator: string;
  /** The request status of its acknowledgement; null when it must not be acknowledged. */
  readonly acknowledgedAs: string | null;
}

/** The messages about one MM. A step is sent when the one before was answered. */
export type Script = readonly Step[];

export interface Composition {
  readonly kind: PduKind;
  readonly dialect: Dialect;
  readonly status: string | undefined;
  readonly code: string | undefined;
  readonly extension: string | undefined;
  readonly text: string | undefined;
  readonly messageId: string | undefined;
  readonly transactionId: string | undefined;
  /** Of the MM with this number, and of its recipient with that one. */
  readonly recipient: (index: number) => string;
  readonly originator: (index: number) => string;
  /** Recipients of each MM. */
  readonly group: number;
  readonly ackRequested: boolean;
  readonly systemAddress: string;
}

/** Each has its default number of MMs and connections. */
export const SCENARIOS = {
  delivered: { about: "each was taken by its handset", messages: 1, connections: 1 },
  failed: { about: "each failed, for another reason each time", messages: 6, connections: 1 },
  "deferred-then-delivered": { about: "put off by the recipient, then taken", messages: 1, connections: 1 },
  late: { about: "no receipt for two hours (code 902), then one", messages: 1, connections: 1 },
  "out-of-order": { about: "taken, and behind that the report that it was put off", messages: 1, connections: 1 },
  duplicate: { about: "each report twice, with a new transaction id and date", messages: 1, connections: 1 },
  conflict: { about: "taken, by the status; blocked as spam, by the code", messages: 1, connections: 1 },
  storm: { about: "a thousand of all kinds, over twenty connections", messages: 1_000, connections: 20 },
  malformed: { about: "without a status, or with fields nobody can read", messages: 8, connections: 1 },
  "other-pdus": { about: "one of each PDU that makes no event", messages: 5, connections: 1 },
} as const;
export type ScenarioName = keyof typeof SCENARIOS;

const HOUR_MS = 3_600_000;

/** The script of the MM with this number. Without a scenario: one message for each recipient, by the options. */
export function playScenario(name: ScenarioName | undefined, composition: Composition, index: number): Script {
  const now = Date.now();
  const messageId = composition.messageId ?? `mm-${randomUUID()}@${RELAY_HOST}`;
  const members = Array.from({ length: composition.group }, (_, member) => index * composition.group + member);
  return members.flatMap((member) =>
    turnsOf(name, composition, member).map((turn) => stepOf(composition, { messageId, member, index, now, ...turn })),
  );
}

/** How one message differs from what the options say. */
interface Turn {
  readonly kind?: PduKind;
  readonly status?: string | undefined;
  readonly code?: string | undefined;
  /** How long ago it was handled, in milliseconds. */
  readonly agoMs?: number;
  /** Spoils the composed bytes; then perhaps also how they are acknowledged. */
  readonly spoil?: (text: string) => string;
  readonly acknowledgedAs?: string;
}

const FAILURES: readonly Turn[] = [
  { status: "Rejected", code: "470" },
  { status: "Expired" },
  { status: "Rejected", code: "775" },
  { status: "Unreachable", code: "620" },
  { status: "Unrecognised" },
  { status: "Rejected", code: "421" },
];

const STORM: readonly Turn[] = [
  { status: "Retrieved" },
  { status: "Retrieved", code: "0" },
  { status: "Forwarded" },
  { status: "Deferred" },
  { status: "Indeterminate", code: "902" },
  ...FAILURES,
];

const CORRUPT = "Error-message-format-corrupt";
const MALFORMED: readonly Turn[] = [
  { status: undefined },
  { status: "Retrieved", spoil: without("X-Mms-Message-Type"), acknowledgedAs: CORRUPT },
  { status: "Retrieved", spoil: (text) => text.replace(/MM4_\w+\.REQ/, "MM4_unheard_of.REQ"), acknowledgedAs: CORRUPT },
  { status: "Retrieved", spoil: without("X-Mms-Message-ID") },
  { status: "Retrieved", spoil: (text) => text.replace(/^Date: .*$/m, "Date: yesterday") },
  { status: "Retrieved", spoil: (text) => text.replace(/^From: .*$/m, "From: PostMaster") },
  { status: "Astonished" },
  { status: "Retrieved", code: "four hundred" },
];

const OTHER_PDUS: readonly Turn[] = [
  { kind: "forward-request", status: "Personal" },
  { kind: "capability-request" },
  { kind: "delivery-report-response", status: "Ok" },
  { kind: "read-report-response", status: "Ok" },
  { kind: "capability-response", status: "Ok" },
];

function turnsOf(name: ScenarioName | undefined, { status, code }: Composition, member: number): readonly Turn[] {
  const oneOf = (turns: readonly Turn[]): readonly Turn[] => [turns[member % turns.length] ?? {}];
  switch (name) {
    case undefined:
      return [{ status, code }];
    case "delivered":
      return [{ status: "Retrieved" }];
    case "failed":
      return oneOf(FAILURES);
    case "deferred-then-delivered":
      return [{ status: "Deferred" }, { status: "Retrieved" }];
    case "late":
      return [
        { status: "Indeterminate", code: "902", agoMs: HOUR_MS },
        { status: "Retrieved", agoMs: 2 * HOUR_MS },
      ];
    case "out-of-order":
      return [{ status: "Retrieved" }, { status: "Deferred", agoMs: HOUR_MS }];
    case "duplicate":
      return [{ status: "Retrieved", agoMs: HOUR_MS }, { status: "Retrieved" }];
    case "conflict":
      return [{ status: "Retrieved", code: "470" }];
    case "storm":
      return oneOf(STORM);
    case "malformed":
      return oneOf(MALFORMED);
    case "other-pdus":
      return oneOf(OTHER_PDUS);
  }
}

interface Place {
  readonly messageId: string;
  readonly index: number;
  readonly member: number;
  readonly now: number;
}

function stepOf(composition: Composition, { messageId, index, member, now, ...turn }: Place & Turn): Step {
  const kind = turn.kind ?? composition.kind;
  const transactionId = composition.transactionId ?? `tx-${randomUUID()}@${RELAY_HOST}`;
  const originator = composition.originator(index);
  const pdu: PduToCompose = {
    kind,
    transactionId,
    messageId,
    recipient: composition.recipient(member),
    originator,
    date: new Date(now - (turn.agoMs ?? 0)),
    status: turn.status,
    statusExtension: composition.extension,
    statusText: composition.text,
    code: turn.code,
    ackRequested: composition.ackRequested,
    systemAddress: composition.ackRequested ? composition.systemAddress : undefined,
    dialect: composition.dialect,
  };
  const bytes = composePdu(pdu);
  return {
    bytes: turn.spoil ? Buffer.from(turn.spoil(Buffer.from(bytes).toString("latin1")), "latin1") : bytes,
    messageId,
    originator,
    acknowledgedAs: composition.ackRequested ? (turn.acknowledgedAs ?? answerTo(pdu)) : null,
  };
}

/** 3GPP TS 23.140 §8.4.2, §8.4.3: reports are acknowledged, requests that a server does not do are told so, responses never answered. */
function answerTo({ kind, status, code }: PduToCompose): string | null {
  if (kind === "delivery-report" || kind === "read-report") return (status ?? code) ? "Ok" : CORRUPT;
  return kind === "forward-request" || kind === "capability-request" ? "Error-unsupported-message" : null;
}

function without(name: string): (text: string) => string {
  return (text) => text.replace(new RegExp(`^${name}: .*\\r\\n`, "im"), "");
}
