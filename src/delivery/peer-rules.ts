/** How we read the reports of one peer. */
import { VENDORS_TABLE } from "./code.ts";

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
  /** Which table explains its codes: "bandwidth", "none", or the path of a file. */
  readonly catalogue: string;
}

export const ORDINARY_PEER: PeerRules = {
  nanp: false,
  internationalPrefixes: [],
  swapAddresses: false,
  localLongCode: false,
  forwardedIsFinal: false,
  catalogue: VENDORS_TABLE,
};

const NAMES = Object.keys(ORDINARY_PEER) as (keyof PeerRules)[];

/** What these rules say otherwise than {@link ORDINARY_PEER}, and nothing else that an entry may hold; null for nothing. */
export function unusualIn(rules: PeerRules): Partial<PeerRules> | null {
  const unusual = NAMES.filter((name) => isUnusual(rules[name], ORDINARY_PEER[name]));
  return unusual.length === 0 ? null : Object.fromEntries(unusual.map((name) => [name, rules[name]]));
}

function isUnusual(value: PeerRules[keyof PeerRules], ordinary: PeerRules[keyof PeerRules]): boolean {
  return typeof value === "object" ? value.length > 0 : value !== ordinary;
}
