/** Who delivered a report, as an event tells it. */
export interface PeerIdentity {
  /** `loopback` where no peers are set. */
  readonly name: string;
  readonly address: string;
  readonly helo: string | null;
  readonly tls: { readonly protocol: string; readonly cipher: string } | null;
  readonly user: string | null;
}
