/**
 * One report as it was read, before it is judged. There are three kinds, one for each
 * PDU that says what became of an MM. `mm4/` fills it in.
 */
import type { Party, RequestRecipient } from "./party.ts";
import type { RawFields } from "./raw-fields.ts";
import type { Warning } from "./warning.ts";

export type ReportKind = "delivery-report" | "forward-response" | "read-report";

export interface Report {
  readonly kind: ReportKind;
  /** X-Mms-Message-ID, normalised: the id of the MM, not of this mail. Opaque. */
  readonly messageId: string | null;
  readonly transactionId: string | null;
  /** From: the recipient that the report is about. Null in a forward response, whose From and To are systems. */
  readonly recipient: Party | null;
  /** To: who sent the MM. */
  readonly originator: Party | null;
  readonly requestRecipients: readonly RequestRecipient[];
  /** MM status, request status or read status by kind: each value, in order. */
  readonly statuses: readonly string[];
  /** Statuses under another name of the field, when there are some under its proper name too. */
  readonly rivalStatuses: readonly string[];
  readonly statusExtension: string | null;
  /** X-Internal-Status-Code: each value, in order. */
  readonly codes: readonly string[];
  /** The Date: RFC 3339, UTC; null when the instant is not certain. */
  readonly handledAt: string | null;
  readonly raw: RawFields;
  readonly warnings: readonly Warning[];
}
