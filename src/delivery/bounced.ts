/** A delivery status notification of mail (DSN, RFC 3464) as it came. It may be about one of our acknowledgements. */
import type { Acknowledgement } from "./acknowledgement.ts";
import type { PeerIdentity } from "./peer.ts";

export interface BouncedMessage {
  readonly peer: PeerIdentity;
  /** RFC 3339, UTC. */
  readonly receivedAt: string;
  /** The message as it came, as far as it is read, base64. */
  readonly raw: string;
  /** It is left unread, because reading it has ended the process so often. Never stored. */
  readonly ends?: number;
}

/** What a bounce says. */
export interface Bounce {
  /** RFC 3464 §2.3.3, such as `failed`, `delayed`. */
  readonly action: string;
  /** RFC 3463, such as `5.1.1`; null when it says none. */
  readonly status: string | null;
  /** The text of the mail server that could not deliver; null when there is none. */
  readonly diagnostic: string | null;
  /** When it came: RFC 3339, UTC. */
  readonly receivedAt: string;
}

/** A bounce, and the acknowledgement to which it was tied. */
export interface TiedBounce {
  /** Name of the peer that sent it. */
  readonly peer: string;
  readonly bounce: Bounce;
  /** Its action; `unknown` for a word that RFC 3464 §2.3.3 does not have. */
  readonly action: string;
  /** Id of the acknowledgement that it names; null when it names none of ours. */
  readonly id: string | null;
  /** Null when it was tied to none. */
  readonly acknowledgement: Acknowledgement | null;
  /** Why it was tied to none, in words; null when it was tied. */
  readonly untied: string | null;
}
