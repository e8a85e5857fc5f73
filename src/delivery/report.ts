/**
 * One report as it was read, before it is judged: the three PDUs that say what
 * became of an MM. Filled in by `mm4/`.
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
