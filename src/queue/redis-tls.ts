/** TLS with Redis and its sentinels: our certificate, and the authority that we trust. */
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
 * The options of `tls.connect` for each new connection. The files are read again each time, so
 * that a renewed certificate is taken without a restart. While they have a fault, perhaps because
 * they are just being replaced, the last good ones stay. Throws a sentence when they have a fault now.
 */
export function redisTls(files: RedisTlsFiles): ConnectionOptions {
  if (!files.redisTlsCertFile && !files.redisTlsCaFile) return {};
  let { context, texts } = load(files, undefined);
  return {
    get secureContext() {
      try {
        ({ context, texts } = load(files, { context, texts }));
      } catch {
        // The last good files may still do. If they do not, Redis says so.
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
