/** The files that settings name, when something else stands in their place: nothing waits for it, or reads it for ever. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { BOUNDS } from "../../src/bounds/bounds.ts";
import type { Config } from "../../src/settings/config.ts";
import { loadConfig } from "../../src/settings/load.ts";
import { openSettingsFiles, type SettingsFiles } from "../../src/settings/settings-files.ts";
import { hashPassword } from "../../src/smtp/password.ts";
import { type Certificates, createCertificates } from "../support/certificates.ts";

let certificates: Certificates;
let directory: string;
let files: Record<"MM4D_PEERS_FILE" | "MM4D_CATALOGUE_FILE" | "MM4D_TLS_CERT_FILE" | "MM4D_TLS_KEY_FILE", string>;
let passwordFile: string;
let opened: SettingsFiles | undefined;
let codesNotRead: string[];

beforeAll(() => {
  certificates = createCertificates();
});
afterAll(() => certificates.remove());
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "mm4d-settings-files-"));
  codesNotRead = [];
  const { certFile, keyFile } = certificates.make("mm4d.test");
  files = {
    MM4D_PEERS_FILE: join(directory, "peers.json"),
    MM4D_CATALOGUE_FILE: join(directory, "catalogue.json"),
    MM4D_TLS_CERT_FILE: certFile,
    MM4D_TLS_KEY_FILE: keyFile,
  };
  passwordFile = join(directory, "password");
  writeFileSync(passwordFile, await hashPassword("s3cret"));
  const auth = { user: "carrier", passwordFile };
  writeFileSync(
    files.MM4D_PEERS_FILE,
    JSON.stringify({ peers: [{ name: "carrier", addresses: ["192.0.2.1"], auth }] }),
  );
  writeFileSync(files.MM4D_CATALOGUE_FILE, "{}");
});
afterEach(() => {
  opened?.stop();
  opened = undefined;
  rmSync(directory, { recursive: true });
});

function open(): SettingsFiles {
  const loaded = loadConfig(files);
  if (!loaded.ok) throw new Error(loaded.error.join("\n"));
  const config: Config = loaded.value.config;
  opened = openSettingsFiles({
    config,
    onPeers() {},
    onCertificate() {},
    onReloaded() {},
    onFault() {},
    onCodesNotRead: (cause) => codesNotRead.push(cause.message),
  });
  return opened;
}

test("a table that no entry names any more is read when a message of then is; where it is gone, that is told once", () => {
  const table = join(directory, "codes.json");
  const nameOf = (settings: SettingsFiles) => settings.reading().tableOf(table).findCode(470).name;
  const settings = open();
  expect([nameOf(settings), nameOf(settings)]).toEqual(["470", "470"]);
  expect(codesNotRead).toEqual([expect.stringMatching(/codes\.json.*ENOENT/)]);
  writeFileSync(table, JSON.stringify({ codes: [{ code: 470, name: "busy" }] }));
  settings.reload();
  expect([nameOf(settings), codesNotRead.length, settings.faults()]).toEqual(["busy", 1, []]);
});

const NAMED = [
  { setting: "MM4D_PEERS_FILE", fault: "peers", inForce: (settings: SettingsFiles) => settings.peers() },
  {
    setting: "MM4D_CATALOGUE_FILE",
    fault: "catalogue",
    inForce: (settings: SettingsFiles) => settings.reading().catalogue,
  },
  { setting: "MM4D_TLS_CERT_FILE", fault: "certificate", inForce: (settings: SettingsFiles) => settings.certificate() },
  { setting: "MM4D_TLS_KEY_FILE", fault: "certificate", inForce: (settings: SettingsFiles) => settings.certificate() },
] as const;

const INSTEAD = [
  { what: "a pipe that nobody writes to", put: (file: string) => void execFileSync("mkfifo", [file]) },
  { what: "a device without end", put: (file: string) => symlinkSync("/dev/zero", file) },
  {
    what: "too much",
    put: (file: string) => writeFileSync(file, " ".repeat(BOUNDS.settingsFileBytes.value + 1)),
  },
];
const WHY = /it is (?:a pipe, must be a file|a device, must be a file|larger than \d+ bytes, must be smaller)/;

describe.each(INSTEAD)("$what", ({ put }) => {
  test.each(NAMED)(
    "instead of $setting: told at the start with its path and its setting, and later what was read before is in force",
    ({ setting, fault, inForce }) => {
      const settings = open();
      const before = inForce(settings);
      rmSync(files[setting]);
      put(files[setting]);
      settings.reload();
      expect(inForce(settings)).toBe(before);
      const [told = "", ...others] = settings.faults();
      expect([told, others]).toEqual([expect.stringMatching(WHY), []]);
      expect(told).toContain(
        `The ${fault} file has an error, so what was read before is still in use (Cannot use ${files[setting]}: it is `,
      );

      expect(open).toThrow(WHY);
      expect(open).toThrow(new RegExp(`^Cannot use ${files[setting]}: .* \\(${setting}\\)$`));
    },
  );

  test("instead of a peer's password file: told with where it is named", () => {
    rmSync(passwordFile);
    put(passwordFile);
    expect(open).toThrow(`peers[0].auth.passwordFile is "${passwordFile}", must be a file that can be read: it is `);
  });
});
