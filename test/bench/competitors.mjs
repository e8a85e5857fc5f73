/** What others have made, fetched once into node_modules/.cache: Haraka, aiosmtpd, smtp-sink. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { installDebian, POSTFIX, unpackDebian } from "../../ops/debian.mjs";

const CACHE = fileURLToPath(new URL("../../node_modules/.cache/", import.meta.url));
const HARAKA_DIRECTORY = join(CACHE, "bench");
const PYTHON_PACKAGES = "/usr/lib/python3/dist-packages/";

export const HARAKA = join(HARAKA_DIRECTORY, "node_modules/Haraka/bin/haraka");
export const SMTP_SINK = {
  program: join(POSTFIX.directory, "usr/sbin/smtp-sink"),
  libraries: join(POSTFIX.directory, "usr/lib/postfix"),
};

const FETCH = {
  haraka() {
    if (existsSync(HARAKA)) return true;
    // One of its packages claims to need Node 22, and runs on 20; our .npmrc refuses what only claims so.
    const options = [
      "--engine-strict=false",
      "--no-save",
      "--no-audit",
      "--no-fund",
      "--loglevel=error",
      "--omit=optional",
    ];
    execFileSync("npm", ["install", ...options, "--prefix", HARAKA_DIRECTORY, "Haraka@3"], { stdio: "inherit" });
    return true;
  },
  aiosmtpd() {
    const modules = ["aiosmtpd", "redis"];
    if (modules.every((module) => existsSync(join(PYTHON_PACKAGES, module)))) return true;
    return installDebian(modules.map((module) => `python3-${module}`));
  },
  "smtp-sink"() {
    if (existsSync(SMTP_SINK.program)) return true;
    if (!installDebian(POSTFIX.libraries)) return false;
    unpackDebian(POSTFIX.package, POSTFIX.directory);
    return true;
  },
};

/** Fetches what the subjects need, and gives the names of those that cannot be had here. */
export function fetchCompetitors(names) {
  return names.filter((name) => {
    try {
      return FETCH[name]?.() === false;
    } catch {
      return true;
    }
  });
}
