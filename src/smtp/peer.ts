/** A peer, as its entry describes it: from where it connects, and what it may do here. */

import type { PeerRules } from "../delivery/peer-rules.ts";
import type { Network } from "./network.ts";
import type { PasswordHash } from "./password.ts";

export interface Peer {
  readonly name: string;
  /** Whether the settings name it. The default peer for loopback is not named there, and has fewer rights. */
  readonly listed: boolean;
  readonly networks: readonly Network[];
  /** Whether STARTTLS is offered to it, and whether it may deliver without TLS. */
  readonly tls: "off" | "optional" | "required";
  readonly clientCertificate: ClientCertificate | null;
  /** With a user it must authenticate. */
  readonly auth: { readonly user: string; readonly password: PasswordHash } | null;
  /** Domains it may send from, in lower case; empty for every domain. The null sender is always allowed. */
  readonly mailFromDomains: readonly string[];
  /** Null where the general settings apply. */
  readonly limits: {
    readonly connections: number | null;
    readonly messagesPerSecond: number | null;
    readonly commands: number | null;
  };
  readonly acknowledge: Acknowledge;
  /** How its reports are read. */
  readonly rules: PeerRules;
  /** Whether lines of its messages may end in CR or LF alone. */
  readonly bareNewlines: boolean;
}

/** What a client's certificate must have. One of the two is enough. */
export interface ClientCertificate {
  /** SHA-256 of the certificate, in hexadecimal without colons, lower case. */
  readonly fingerprint: string | null;
  /** The common name of a certificate that a known authority has signed. */
  readonly subject: string | null;
}

/** Where and how its acknowledgements go. */
export interface Acknowledge {
  readonly mode: "off" | "auto" | "always";
  readonly host: string | null;
  readonly port: number;
  /** Most connections to the MMSC at a time. */
  readonly connections: number;
  /** `implicit` for TLS from the beginning, without STARTTLS. */
  readonly tls: "off" | "optional" | "required" | "implicit";
  readonly auth: {
    readonly user: string;
    readonly password: string;
    /** Whether the password may go over a connection without TLS. */
    readonly withoutTls: boolean;
  } | null;
  readonly to: string | null;
  readonly from: "system" | "plmn" | "null";
  /** Names of other peers from which its bounces come. */
  readonly bouncesFrom: readonly string[];
}
