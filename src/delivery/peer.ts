/** Who delivered a report, as an event tells it. */
export interface PeerIdentity {
  /** `loopback` where no peers are set. */
  readonly name: string;
  readonly address: string;
  readonly helo: string | null;
  readonly tls: { readonly protocol: string; readonly cipher: string } | null;
  readonly user: string | null;
}

/**
 * As it is written: without what is null, as most of it is for most peers. Each field is named, because to copy what is
 * left takes as long as all else.
 */
export function withoutNulls({ name, address, helo, tls, user }: PeerIdentity) {
  return {
    name,
    address,
    helo: helo ?? undefined,
    tls: tls ?? undefined,
    user: user ?? undefined,
  } satisfies { readonly [Name in keyof PeerIdentity]: unknown };
}

/** The peer again, whatever was written. */
export function withNulls(written: Partial<PeerIdentity>): PeerIdentity {
  return { name: "", address: "", helo: null, tls: null, user: null, ...written };
}
