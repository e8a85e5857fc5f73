/** Debian's packages, for `npm run setup` and `npm test`. Plain Node. */
import { execFileSync } from "node:child_process";
import { accessSync, constants, cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Postfix, of which tests and the benchmark take programs out of its package, and what those need. */
export const POSTFIX = {
  package: "postfix",
  libraries: ["libdb5.3", "libicu72", "libnsl2", "libsasl2-2"],
  directory: fileURLToPath(new URL("../node_modules/.cache/postfix", import.meta.url)),
};

/** Whether a program can be run by its name. */
export function isOnPath(program) {
  return (process.env.PATH ?? "").split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Installs packages where we are root on Debian or Ubuntu. False anywhere else: nothing was done. */
export function installDebian(packages) {
  if (process.getuid?.() !== 0 || !isOnPath("apt-get")) return false;
  const options = { stdio: "inherit", env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } };
  execFileSync("apt-get", ["update", "-q"], options);
  execFileSync("apt-get", ["install", "-q", "-y", "--no-install-recommends", ...packages], options);
  return true;
}

/** Unpacks a package into a directory, without installing it: all of it, or the files named. */
export function unpackDebian(name, directory, files = ["."]) {
  const scratch = mkdtempSync(join(tmpdir(), "mm4d-unpack-"));
  // Fetched as root into a directory of root's own, which apt's unprivileged user could not write to.
  execFileSync("apt-get", ["download", "-q", "-o", "APT::Sandbox::User=root", name], {
    cwd: scratch,
    stdio: "inherit",
  });
  const [file] = readdirSync(scratch);
  execFileSync("dpkg", ["-x", join(scratch, file), join(scratch, "unpacked")], { stdio: "inherit" });
  for (const path of files) cpSync(join(scratch, "unpacked", path), join(directory, path), { recursive: true });
  rmSync(scratch, { recursive: true });
}
