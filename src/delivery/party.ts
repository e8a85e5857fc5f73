/** One end of an MM: the handset, short code or mailbox that an address names. */
export interface Party {
  /** The address as written, decoded. */
  readonly raw: string;
  readonly kind: "e164" | "shortcode" | "email" | "other";
  /** `+` and digits, or the digits of a short code; null when the address is not certainly a number. */
  readonly number: string | null;
  /** In lower case; null when the address has none, which is common on MM4. */
  readonly domain: string | null;
}

/** What a forward response says of one recipient. 3GPP TS 23.140 §8.4.1. */
export interface RequestRecipient {
  readonly party: Party;
  readonly status: string | null;
}
