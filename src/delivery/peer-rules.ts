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

/** What these rules say otherwise than {@link ORDINARY_PEER}. */
export function unusualIn(rules: PeerRules): Partial<PeerRules> {
  const isOrdinary = (name: keyof PeerRules, value: unknown): boolean =>
    Array.isArray(value) ? value.length === 0 : value === ORDINARY_PEER[name];
  return Object.fromEntries(
    Object.entries(rules).filter(([name, value]) => !isOrdinary(name as keyof PeerRules, value)),
  );
}
