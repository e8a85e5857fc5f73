/**
 * The delivery event, version 1: what consumers receive. A CloudEvents 1.0
 * object in structured JSON form.
 *
 * `docs/event.md` tells consumers the same in prose. Adding to `data` keeps the
 * version; changing or removing a field makes `.v2`.
 */
import type { CodeEntry, WholeNumber } from "./code.ts";
import type { Party, RequestRecipient } from "./party.ts";
import type { PeerIdentity } from "./peer.ts";
import type { RawFields } from "./raw-fields.ts";
import type { Disposition, Outcome, RejectedBy, Stage } from "./verdict.ts";
import type { Warning } from "./warning.ts";

export type EventType = "mm4d.delivery-report.v1" | "mm4d.forward-response.v1" | "mm4d.read-report.v1";

/** The `$id` of the event's JSON Schema. */
export const EVENT_SCHEMA_ID = "urn:mm4d:schema:delivery-event:v1";

export interface DeliveryEvent {
  readonly specversion: "1.0";
  /**
   * Derived from what the report says: the same on a relay's retry, on recovery and on replay.
   * @pattern ^r[0-9a-f]{32}$
   */
  readonly id: string;
  /** `/mm4d/` and our first domain, or `local`. */
  readonly source: string;
  readonly type: EventType;
  /** The message id; absent when the report has none. */
  readonly subject?: string;
  /**
   * When we received the report: RFC 3339, UTC, milliseconds.
   * @format date-time
   */
  readonly time: string;
  readonly datacontenttype: "application/json";
  readonly dataschema: typeof EVENT_SCHEMA_ID;
  readonly data: EventData;
}

export interface EventData {
  readonly messageId: string | null;
  readonly transactionId: string | null;
  readonly recipient: Party | null;
  readonly originator: Party | null;
  /** Forward responses only, otherwise empty. */
  readonly requestRecipients: readonly RequestRecipient[];
  readonly outcome: Outcome;
  readonly disposition: Disposition;
  readonly final: boolean;
  /** The order guard: see `shouldApply` in order.ts. */
  readonly rank: WholeNumber;
  readonly stage: Stage | null;
  readonly rejectedBy: RejectedBy | null;
  readonly conflict: boolean;
  /** What the internal status code means; null when the report has none that is a number. */
  readonly reason: Reason | null;
  /**
   * When the message was handled, by the report's Date: RFC 3339, UTC.
   * @format date-time
   */
  readonly handledAt: string | null;
  /**
   * When we received the report: RFC 3339, UTC, milliseconds.
   * @format date-time
   */
  readonly receivedAt: string;
  readonly peer: PeerIdentity;
  /** Only on an explicit replay of an event. What is replayed from quarantine is queued for the first time. */
  readonly replayed?: true;
  readonly raw: RawFields;
  readonly warnings: readonly Warning[];
}

/** What the peer's table says about the report's code. */
export interface Reason
  extends Pick<
    CodeEntry,
    | "code"
    | "name"
    | "known"
    | "documented"
    | "explanation"
    | "remedy"
    | "fault"
    | "reportedBy"
    | "retryable"
    | "maxRetries"
    | "suppress"
    | "tag"
    | "httpCode"
  > {
  /** The day on which the catalogue was last compared with its pages; `own` for a peer's own table, `none` without one. */
  readonly catalogueVersion: string;
}
