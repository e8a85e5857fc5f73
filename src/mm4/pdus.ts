/**
 * The PDUs of MM4, and what we do with each. 3GPP TS 23.140 §8.4.1 to §8.4.3.
 *
 * Names are compared without regard to case, because Bandwidth's own pages write
 * "MM4_Delivery_Report.REQ", mmsgw "MM4_Delivery_report.REQ".
 */
import type { ReportKind } from "../delivery/report.ts";

export interface Pdu {
  /** The name in the specification's spelling. */
  readonly name: string;
  /** The kind of report; null for a PDU that is accepted and counted, but makes no event. */
  readonly kind: ReportKind | null;
  /** The PDU that acknowledges it; null for one that is never answered. */
  readonly response: string | null;
  /** For a PDU that makes no event: what the person on call should do. */
  readonly advice: string | null;
}

const TWO_WAYS = "the link also carries other traffic than reports";

export const PDUS: readonly Pdu[] = [
  { name: "MM4_delivery_report.REQ", kind: "delivery-report", response: "MM4_delivery_report.RES", advice: null },
  { name: "MM4_forward.RES", kind: "forward-response", response: null, advice: null },
  { name: "MM4_read_reply_report.REQ", kind: "read-report", response: "MM4_read_reply_report.RES", advice: null },
  {
    name: "MM4_forward.REQ",
    kind: null,
    response: "MM4_forward.RES",
    advice: `This is an incoming MM, and mm4d delivers none: ${TWO_WAYS}; ask the peer to route messages to your MMSC`,
  },
  {
    name: "MM4_delivery_report.RES",
    kind: null,
    response: null,
    advice: `This answers a delivery report that your side sent: ${TWO_WAYS}; ask the peer to send responses to your MMSC`,
  },
  {
    name: "MM4_read_reply_report.RES",
    kind: null,
    response: null,
    advice: `This answers a read report that your side sent: ${TWO_WAYS}; ask the peer to send responses to your MMSC`,
  },
  // Seen in practice: a Chinese HTTP flavour of MM4.
  {
    name: "MM4_capability_negotiation.REQ",
    kind: null,
    response: "MM4_capability_negotiation.RES",
    advice: "mm4d negotiates no capabilities; ask the peer to switch the negotiation off for this link",
  },
  {
    name: "MM4_capability_negotiation.RES",
    kind: null,
    response: null,
    advice: "mm4d negotiates no capabilities; ask the peer to switch the negotiation off for this link",
  },
];

/**
 * The PDU that a message type names; undefined for an unknown type. Blanks are
 * ignored, because no type has one and a fold leaves one.
 */
export function findPdu(messageType: string): Pdu | undefined {
  return BY_NAME.get(messageType) ?? BY_NAME.get(messageType.replace(/["\s]/g, "").toLowerCase());
}

/** By each name as the specification spells it, and in lower case. */
const BY_NAME: ReadonlyMap<string, Pdu> = new Map(
  PDUS.flatMap((pdu) => [pdu.name, pdu.name.toLowerCase()].map((name) => [name, pdu] as const)),
);
