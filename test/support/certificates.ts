/** Certificates made for a test by openssl, in a directory of their own. */
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface TestCertificate {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
  /** SHA-256, with colons. */
  readonly fingerprint: string;
}

export interface Certificates {
  readonly directory: string;
  /** Signs itself, or is signed by another; `days` may be in the past. */
  make(
    name: string,
    options?: { readonly by?: TestCertificate; readonly days?: number; readonly rsa?: true },
  ): TestCertificate;
  /** Puts one in another's place. */
  replace(old: TestCertificate, fresh: TestCertificate): void;
  remove(): void;
}

export function createCertificates(): Certificates {
  const directory = mkdtempSync(join(tmpdir(), "mm4d-certificates-"));
  const openssl = (...args: readonly string[]): Buffer => execFileSync("openssl", args, { stdio: "pipe" });
  let count = 0;
  return {
    directory,
    make(name, { by, days = 30, rsa } = {}) {
      count += 1;
      const [certFile, keyFile] = [join(directory, `${count}.crt`), join(directory, `${count}.key`)];
      const kind = rsa ? ["rsa:2048"] : ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
      const newKey = ["-newkey", ...kind, "-nodes", "-keyout", keyFile];
      const request = join(directory, `${count}.csr`);
      openssl("req", "-new", ...newKey, "-out", request, "-subj", `/CN=${name}`);
      const signer = by ? ["-CA", by.certFile, "-CAkey", by.keyFile, "-CAcreateserial"] : ["-signkey", keyFile];
      const lasts = days > 0 ? ["-days", String(days)] : ["-days", "0"];
      openssl("x509", "-req", "-in", request, ...signer, ...lasts, "-out", certFile);
      const [cert, key] = [readFileSync(certFile, "utf8"), readFileSync(keyFile, "utf8")];
      return { certFile, keyFile, cert, key, fingerprint: new X509Certificate(cert).fingerprint256 };
    },
    replace(old, fresh) {
      copyFileSync(fresh.certFile, old.certFile);
      copyFileSync(fresh.keyFile, old.keyFile);
    },
    remove: () => rmSync(directory, { recursive: true }),
  };
}
