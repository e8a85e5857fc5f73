/** Why a message cannot become an event. It is a value and not an error, because a peer can cause each. */
export type Problem =
  | { readonly kind: "not-mm4" }
  /** A delivery status notification of mail (DSN, RFC 3464). Only those about our responses are expected. */
  | { readonly kind: "bounce"; readonly typeOutsideHeader: boolean }
  /** Its header has no message type and no status, but there is a type further down. */
  | { readonly kind: "type-outside-header" }
  | { readonly kind: "header-too-large"; readonly limitBytes: number }
  | { readonly kind: "too-many-fields"; readonly limit: number }
  /** A known PDU that makes no event. `messageType` is its name in the specification's spelling. */
  | { readonly kind: "other-pdu"; readonly messageType: string }
  /** An unknown message type; or no type, in a message that has a status. */
  | { readonly kind: "unknown-type" }
  | { readonly kind: "no-status" }
  /** A report that exceeds a bound of events (bounds.ts). `detail` says which, in words. */
  | { readonly kind: "event-too-large"; readonly detail: string };
