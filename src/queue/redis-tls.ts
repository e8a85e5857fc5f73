/** TLS with Redis and its sentinels: our certificate, and whose certificates we believe. */
import { type ConnectionOptions, createSecureContext, type SecureContext } from "node:tls";
import { BOUNDS } from "../bounds/bounds.ts";
import { readNamedFile } from "../settings/named-file.ts";

/** Paths; empty for none. */
export interface RedisTlsFiles {
  readonly redisTlsCertFile: string;
  readonly redisTlsKeyFile: string;
  readonly redisTlsCaFile: string;
}

/**
 * What `tls.connect` is given for each new connection. The files are read again each time, so
 * that a renewed certificate is taken without a restart; while they have a fault, as in the
 * middle of being replaced, what was read before stays. Throws a sentence when they have one now.
 */
export function redisTls(files: RedisTlsFiles): ConnectionOptions {
  if (!files.redisTlsCertFile && !files.redisTlsCaFile) return {};
  let { context, texts } = load(files, undefined);
  return {
    get secureContext() {
      try {
        ({ context, texts } = load(files, { context, texts }));
      } catch {
        // What it was at the start, or since, may still do: and if not, Redis says so.
      }
      return context;
    },
  };
}

interface Loaded {
  readonly context: SecureContext;
  readonly texts: readonly (string | undefined)[];
}

function load(
  { redisTlsCertFile, redisTlsKeyFile, redisTlsCaFile }: RedisTlsFiles,
  before: Loaded | undefined,
): Loaded {
  const texts = [
    read("MM4D_REDIS_TLS_CERT_FILE", redisTlsCertFile),
    read("MM4D_REDIS_TLS_KEY_FILE", redisTlsKeyFile),
    read("MM4D_REDIS_TLS_CA_FILE", redisTlsCaFile),
  ];
  if (before && texts.every((text, index) => text === before.texts[index])) return before;
  const [cert, key, ca] = texts;
  if (ca !== undefined && !ca.includes("-----BEGIN CERTIFICATE-----")) {
    throw new Error(`Cannot use MM4D_REDIS_TLS_CA_FILE: ${redisTlsCaFile} has no certificate, must be PEM`);
  }
  try {
    return { context: createSecureContext({ cert, key, ca }), texts };
  } catch (cause) {
    throw new Error(
      `Cannot use MM4D_REDIS_TLS_CERT_FILE and MM4D_REDIS_TLS_KEY_FILE: ${(cause as Error).message}; they must be a certificate and its private key, PEM`,
    );
  }
}

function read(setting: string, path: string): string | undefined {
  if (!path) return undefined;
  try {
    return readNamedFile(path, BOUNDS.settingsFileBytes.value);
  } catch (cause) {
    throw new Error(`Cannot use ${setting}: ${(cause as Error).message}`);
  }
}
