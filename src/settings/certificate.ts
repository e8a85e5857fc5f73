/** Our own TLS certificate, checked before it is used. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { BOUNDS } from "../bounds/bounds.ts";
import type { ListenerCertificate } from "../smtp/tls-options.ts";
import { readNamedFile } from "./named-file.ts";

export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** Empty for none. */
  readonly caFile: string;
}

/** Our certificate as the listener shows it, with what people are told about it. */
export interface Certificate extends ListenerCertificate {
  /** As OpenSSL writes it. */
  readonly validFrom: string;
  readonly expiresAt: Date;
  readonly subject: string;
}

/** Throws a sentence when a file cannot be read, or certificate and key do not belong together. It does not check dates. */
export function loadCertificate({ certFile, keyFile, caFile }: CertificateFiles): Certificate {
  const [cert, key, ca] = [certFile, keyFile, caFile].map((file) => (file === "" ? undefined : read(file)));
  const leaf = parsed(certFile, () => new X509Certificate(cert ?? ""));
  const privateKey = parsed(keyFile, () => createPrivateKey(key ?? ""));
  if (!leaf.checkPrivateKey(privateKey)) {
    throw new Error(`Cannot use ${certFile}: its key is not the one in ${keyFile}, must be`);
  }
  parsed(caFile, () => createSecureContext({ cert, key, ca }));
  return {
    cert: cert ?? "",
    key: key ?? "",
    ca,
    validFrom: leaf.validFrom,
    expiresAt: new Date(leaf.validTo),
    subject: leaf.subject.replaceAll("\n", ", "),
  };
}

/** Does as {@link loadCertificate}, and also throws when the certificate is not valid now. */
export function loadValidCertificate(files: CertificateFiles, now: Date): Certificate {
  const certificate = loadCertificate(files);
  const { validFrom, expiresAt } = certificate;
  if (new Date(validFrom) > now) {
    throw new Error(`Cannot use ${files.certFile}: it is not valid before ${validFrom}, must be valid now`);
  }
  if (expiresAt <= now) {
    throw new Error(`Cannot use ${files.certFile}: it expired at ${expiresAt.toISOString()}, must be valid now`);
  }
  return certificate;
}

function read(file: string): string {
  try {
    return readNamedFile(file, BOUNDS.settingsFileBytes.value);
  } catch (cause) {
    throw new Error(`Cannot use ${file}: ${(cause as Error).message}`);
  }
}

function parsed<T>(file: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw new Error(`Cannot use ${file}: ${(cause as Error).message}, must be PEM`);
  }
}
