/**
 * One report as it was read, before it is judged: the three PDUs that say what
 * became of an MM. Filled in by `mm4/`.
 */
import type { Party } from "./party.ts";
import type { Warning } from "./warning.ts";

export type ReportKind = "delivery-report" | "forward-response" | "read-report";

/** What a forward response says of one recipient. 3GPP TS 23.140 §8.4.1. */
export interface RequestRecipient {
  readonly party: Party;
  readonly status: string | null;
}

/** The fields as they were said: unfolded, decoded, control characters removed, otherwise untouched. */
export interface RawFields {
  readonly mmStatusCode: string | null;
  readonly statusExtension: string | null;
  readonly internalStatusCode: string | null;
  readonly statusText: string | null;
  readonly requestStatusCode: string | null;
  readonly readStatus: string | null;
  readonly date: string | null;
  readonly version: string | null;
  readonly messageType: string | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly messageId: string | null;
  readonly transactionId: string | null;
  /** Any other X-Mms-* or X-Internal-* field, under its name as written. */
  readonly [otherField: string]: string | null;
}

export interface Report {
  readonly kind: ReportKind;
  /** X-Mms-Message-ID, normalised: the id of the MM, not of this mail. Opaque. */
  readonly messageId: string | null;
  readonly transactionId: string | null;
  /** From: whom the report is about. Null in a forward response, whose From and To are systems. */
  readonly recipient: Party | null;
  /** To: who sent the MM. */
  readonly originator: Party | null;
  readonly requestRecipients: readonly RequestRecipient[];
  /** MM status, request status or read status by kind, each value that was said, in order. */
  readonly statuses: readonly string[];
  /** Statuses under a second name of the field, beside those under its proper name. */
  readonly rivalStatuses: readonly string[];
  readonly statusExtension: string | null;
  /** X-Internal-Status-Code, each value that was said, in order. */
  readonly codes: readonly string[];
  /** The Date: RFC 3339, UTC; null when the instant is not certain. */
  readonly handledAt: string | null;
  readonly raw: RawFields;
  readonly warnings: readonly Warning[];
}
