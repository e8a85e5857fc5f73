/** Debian's own Exim, run once for one message, with a configuration, a spool and a log of its own. */
import { execFile } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import { promisify } from "node:util";
import { unpacked } from "./unpacked.ts";

export interface EximDelivery {
  readonly port: number;
  readonly from: string;
  readonly to: string;
  readonly tls: boolean;
  /** The message, with the line ends that Unix tools keep mail with. */
  readonly file: string;
}

const run = promisify(execFile);
/** It refuses to be root. Any other user will do. */
const UID = 8;

/**
 * Resolves with Exim's main log, when it has tried once. Debian's binary wants a user
 * `Debian-exim`, whom it has in a mount namespace of its own: only root can have it so.
 */
export async function deliverByExim({ port, from, to, tls, file }: EximDelivery): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "mm4d-exim-"));
  const [spool, log, settings] = ["spool", "log", "exim.conf"].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  const program = unpacked("exim", "usr/sbin/exim4");
  try {
    chmodSync(directory, 0o755);
    for (const own of [spool, log]) {
      mkdirSync(own);
      chownSync(own, UID, UID);
    }
    for (const [name, entry] of [
      ["passwd", `Debian-exim:x:${UID}:${UID}::/nonexistent:/usr/sbin/nologin\n`],
      ["group", `Debian-exim:x:${UID}:\n`],
    ] as const) {
      copyFileSync(join("/etc", name), join(directory, name));
      appendFileSync(join(directory, name), entry);
    }
    // As Debian ships the transport: what is not said here is Exim's default.
    writeFileSync(
      settings,
      `${isAbsolute(program) ? `exim_path = ${program}\n` : ""}primary_hostname = mmsc.example.net
spool_directory = ${spool}
log_file_path = ${log}/%s
keep_environment =
begin routers
mm4:
  driver = manualroute
  route_list = * 127.0.0.1::${port}
  self = send
  transport = mm4
begin transports
mm4:
  driver = smtp
  tls_verify_hosts =
  tls_try_verify_hosts =
${tls ? "" : "  hosts_avoid_tls = *\n"}`,
    );
    const script = `mount --bind "$1/passwd" /etc/passwd && mount --bind "$1/group" /etc/group && exec "$2" -C "$3" -odf -oi -f "$4" "$5" < "$6"`;
    const args = [directory, program, settings, from, to, file];
    await run("unshare", ["--mount", "sh", "-c", script, "sh", ...args], { timeout: 60_000 });
    return readFileSync(join(log, "main"), "utf8");
  } finally {
    rmSync(directory, { recursive: true });
  }
}
