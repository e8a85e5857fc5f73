/** Addresses of the list of reports. */

/** What a link may ask the list for; each as it stands in the address. */
export interface Asked {
  readonly peer?: string;
  readonly outcome?: string;
  readonly disposition?: string;
  readonly code?: string;
  /** Such as `1h` or `7d`. */
  readonly since?: string;
}

/** The list of the reports that a count counts. */
export function reportsAddress(asked: Asked): string {
  return `/reports?${new URLSearchParams(asked as Record<string, string>)}`;
}

/** The page of a peer, whatever its name is. */
export function peerAddress(name: string): string {
  return `/peers/${encodeURIComponent(name)}`;
}
