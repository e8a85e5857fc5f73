/** How we read the reports of one peer. */

/** Peculiarities of one peer's reports. All are off unless the peer's entry says otherwise. */
export interface PeerRules {
  /** Ten digits are a North American number. */
  readonly nanp: boolean;
  /** The peer writes them before an international number instead of "+", such as 00 and 011. */
  readonly internationalPrefixes: readonly string[];
  /** From and To are exchanged, as in old mbuni. */
  readonly swapAddresses: boolean;
  /** "Retrieved" means taken by the carrier: US local numbers have no handset reports. */
  readonly localLongCode: boolean;
  /** "Forwarded" is this peer's last word. */
  readonly forwardedIsFinal: boolean;
}

export const ORDINARY_PEER: PeerRules = {
  nanp: false,
  internationalPrefixes: [],
  swapAddresses: false,
  localLongCode: false,
  forwardedIsFinal: false,
};

/** What these rules say otherwise than {@link ORDINARY_PEER}; null for nothing. */
export function unusualIn(rules: PeerRules): Partial<PeerRules> | null {
  const names = Object.keys(rules) as (keyof PeerRules)[];
  const unusual = names.filter((name) => {
    const value = rules[name];
    return typeof value === "boolean" ? value !== ORDINARY_PEER[name] : value.length > 0;
  });
  return unusual.length === 0 ? null : Object.fromEntries(unusual.map((name) => [name, rules[name]]));
}
