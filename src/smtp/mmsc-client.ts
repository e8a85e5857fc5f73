/** How we connect to a peer's MMSC, as its entry says. */
import type { Acknowledge } from "./peer.ts";

/** Options of nodemailer for that. `timeoutMs`: how long it may be silent. */
export function mmscOptions(
  { host, port, tls }: Pick<Acknowledge, "host" | "port" | "tls">,
  name: string,
  timeoutMs: number,
) {
  return {
    host: host ?? "",
    port,
    name,
    secure: tls === "implicit",
    requireTLS: tls === "required",
    ignoreTLS: tls === "off",
    // Where TLS may be missing, a certificate that nobody vouches for is no worse.
    tls: { rejectUnauthorized: tls === "required" || tls === "implicit", minVersion: "TLSv1.2" as const },
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
  };
}
