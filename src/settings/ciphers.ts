/** The cipher suites that SMTP offers. */
import { createSecureContext } from "node:tls";

/** ECDHE with AES-GCM or ChaCha20. */
export const DEFAULT_CIPHERS =
  "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

const TLS_1_3 = ["TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"];

/** The list as Node.js is given it: with TLS 1.3's, which one of TLS 1.2's alone would switch off, and nothing that only seems to be TLS. */
export function readCiphers(text: string): string | undefined {
  const words = text
    .replaceAll("@", ":@")
    .split(/[:,; ]/)
    .filter((word) => word !== "");
  const [ofTls13, others] = [words.filter((word) => /^TLS_/.test(word)), words.filter((word) => !/^TLS_/.test(word))];
  const list = [
    ...(ofTls13.length > 0 ? ofTls13 : TLS_1_3),
    ...(others.length > 0 ? [...others, "!aNULL", "!eNULL"] : []),
  ];
  const ciphers = list.join(":");
  // The default is known to be right, and trying takes time at every start.
  if (text === DEFAULT_CIPHERS) return ciphers;
  // OpenSSL passes over a name that it does not know, as long as it knows another one.
  const names = words.filter((word) => /^[\w+=.-]/.test(word) && !/^[-+]/.test(word));
  const known = names.every((name) => isCipherList(`${name}${name.startsWith("TLS_") ? "" : ":@SECLEVEL=0"}`));
  return names.length > 0 && known && isCipherList(ciphers) ? ciphers : undefined;
}

function isCipherList(ciphers: string): boolean {
  try {
    // No authorities: to read all that Node.js knows takes longer than all else.
    createSecureContext({ ciphers, ca: [] });
    return true;
  } catch {
    return false;
  }
}
