/** Who looks at the page, as every part of it needs to know. */
import type { State } from "../monitoring/reasons.ts";

/** A person at the page, as far as what they see and may do differs by it. */
export interface Operator {
  /** Whether the operator may do more than look. */
  readonly loggedIn: boolean;
  readonly numbers: "masked" | "full";
  /** How the service is; absent where it cannot be told. */
  readonly glance?: Glance;
}

/** How the service is, as every page says it: in the tab's title, its icon, and beside Quarantine. */
export interface Glance {
  readonly state: State;
  readonly quarantined: number;
}
