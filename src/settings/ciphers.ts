/** The cipher suites that SMTP offers. */
import { createSecureContext } from "node:tls";

/** ECDHE with AES-GCM or ChaCha20. */
export const DEFAULT_CIPHERS =
  "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

const TLS_1_3 = ["TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"];

/**
 * The list that Node.js is given; undefined when the text is no list. It has suites of TLS 1.3, because one of
 * TLS 1.2's alone would switch TLS 1.3 off, and none that does not encrypt or authenticate.
 */
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
  // The default is known to work, and trying it would slow down every start.
  if (text === DEFAULT_CIPHERS) return ciphers;
  // Each name is tried alone, because OpenSSL ignores unknown names as long as it knows one.
  const names = words.filter((word) => /^[\w+=.-]/.test(word) && !/^[-+]/.test(word));
  const known = names.every((name) => isCipherList(`${name}${name.startsWith("TLS_") ? "" : ":@SECLEVEL=0"}`));
  return names.length > 0 && known && isCipherList(ciphers) ? ciphers : undefined;
}

function isCipherList(ciphers: string): boolean {
  try {
    // Without authorities, because reading all that Node.js knows takes longer than everything else here.
    createSecureContext({ ciphers, ca: [] });
    return true;
  } catch {
    return false;
  }
}
