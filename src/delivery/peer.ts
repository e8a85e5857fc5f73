/** Who delivered a report, as an event tells it. */
export interface PeerIdentity {
  /** `loopback` where no peers are set. */
  readonly name: string;
  readonly address: string;
  readonly helo: string | null;
  readonly tls: { readonly protocol: string; readonly cipher: string } | null;
  readonly user: string | null;
}

/** The peer again, of whom what is null may not have been written. */
export function withNulls(written: Partial<PeerIdentity>): PeerIdentity {
  return { name: "", address: "", helo: null, tls: null, user: null, ...written };
}
