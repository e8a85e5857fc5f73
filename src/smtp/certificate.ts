/** The certificate that the listener shows, and what it takes of those of its clients. */

export interface Certificate {
  /** The certificate with those that lead to its authority, PEM. */
  readonly cert: string;
  readonly key: string;
  /** Authorities of client certificates, PEM; undefined for those that Node.js knows. */
  readonly ca: string | undefined;
  /** As OpenSSL writes it. */
  readonly validFrom: string;
  readonly expiresAt: Date;
  readonly subject: string;
}
