/** Why a message is no report that can become an event. A value, because a peer can cause each. */
export type Problem =
  | { readonly kind: "not-mm4" }
  /** The Internet's own report (DSN, RFC 3464) on a mail that could not be delivered: one of our responses, if any. */
  | { readonly kind: "bounce"; readonly typeOutsideHeader: boolean }
  /** No message type in its header, and no status; but one further down. */
  | { readonly kind: "type-outside-header" }
  | { readonly kind: "header-too-large"; readonly limitBytes: number }
  | { readonly kind: "too-many-fields"; readonly limit: number }
  /** A PDU we recognise and make no event of. `messageType` is its name in the specification's spelling. */
  | { readonly kind: "other-pdu"; readonly messageType: string }
  /** A message type nobody knows; or none, on a message that carries a status. */
  | { readonly kind: "unknown-type" }
  | { readonly kind: "no-status" }
  /** A report that is beyond a bound of events (bounds.ts). `detail` says which, in words. */
  | { readonly kind: "event-too-large"; readonly detail: string };
