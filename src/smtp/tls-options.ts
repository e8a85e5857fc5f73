/** The listener's TLS: versions, cipher suites, and its certificate. */
import { constants } from "node:crypto";

/** Our own certificate and what belongs to it. */
export interface ListenerCertificate {
  /** The certificate and those that lead to its authority, PEM. */
  readonly cert: string;
  readonly key: string;
  /** Authorities of client certificates, PEM; undefined for those that Node.js knows. */
  readonly ca: string | undefined;
}

/** Without our own certificate, the library has one whose key is public. It is never offered. */
export function tlsOptions(certificate: ListenerCertificate | null, ciphers: string) {
  const rules = {
    minVersion: "TLSv1.2",
    ciphers,
    // Suites with DHE need it; "auto" picks a size that fits the certificate.
    dhparam: "auto",
    // A client could demand one handshake after another.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  } as const;
  if (certificate === null) return rules;
  const { cert, key, ca } = certificate;
  return { ...rules, cert, key, ...(ca === undefined ? {} : { ca }) };
}
