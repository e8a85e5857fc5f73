/** The listener's TLS: versions, cipher suites, and its certificate. */
import { constants } from "node:crypto";

/** Our own certificate. */
export interface ListenerCertificate {
  /** The certificate with those that lead to its authority, PEM. */
  readonly cert: string;
  readonly key: string;
  /** Authorities of client certificates, PEM; undefined for those that Node.js knows. */
  readonly ca: string | undefined;
}

/** Without a certificate of our own the library has one whose key is public; it is never offered. */
export function tlsOptions(certificate: ListenerCertificate | null, ciphers: string) {
  const rules = {
    minVersion: "TLSv1.2",
    ciphers,
    // For suites with DHE, of a size that fits the certificate; without it there are none.
    dhparam: "auto",
    // Each would be a handshake more, at the client's word.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  } as const;
  if (certificate === null) return rules;
  const { cert, key, ca } = certificate;
  return { ...rules, cert, key, ...(ca === undefined ? {} : { ca }) };
}
