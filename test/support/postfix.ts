/** Debian's own Postfix, run out of its unpacked package: its queue manager and its smtp clients, as a relay has them. */
import { execFile, spawn } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { eventually, freePort } from "./redis.ts";

export interface TestPostfix {
  /** Takes so many copies of a message into its queue. */
  send(file: string, count: number): Promise<void>;
  /** Its log so far. */
  log(): string;
  stop(): Promise<void>;
}

const PACKAGE = fileURLToPath(new URL("../../node_modules/.cache/postfix/", import.meta.url));
const LIBRARIES = `${PACKAGE}usr/lib/postfix`;
/** Numbers of a user and a group that own its queue, and of another group. */
const [OWNER, DROP] = [64_105, 64_106];
const SERVICES = `cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
scache unix - - n - 1 scache
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
`;

/** Relays everything to a port. Its users stand in a mount namespace of its own, its processes in one that ends with it: only root can have that. */
export async function startPostfix(smtpPort: number): Promise<TestPostfix> {
  const directory = mkdtempSync(join(tmpdir(), "mm4d-postfix-"));
  const [conf, queue, log] = [join(directory, "conf"), join(directory, "queue"), join(directory, "queue/log")];
  const port = await freePort();
  makeQueue(directory, queue);
  for (const [name, entry] of [
    ["passwd", `postfix:x:${OWNER}:${OWNER}::/nonexistent:/usr/sbin/nologin\n`],
    ["group", `postfix:x:${OWNER}:\npostdrop:x:${DROP}:\n`],
  ] as const) {
    copyFileSync(join("/etc", name), join(directory, name));
    appendFileSync(join(directory, name), entry);
  }
  mkdirSync(conf);
  writeFileSync(join(conf, "dynamicmaps.cf"), "");
  writeFileSync(join(conf, "master.cf"), `127.0.0.1:${port} inet n - n - - smtpd\n${SERVICES}`);
  writeFileSync(
    join(conf, "main.cf"),
    `compatibility_level = 3.6
queue_directory = ${queue}
data_directory = ${join(directory, "data")}
command_directory = ${PACKAGE}usr/sbin
daemon_directory = ${LIBRARIES}/sbin
shlib_directory = ${LIBRARIES}
meta_directory = ${conf}
import_environment = MAIL_CONFIG TZ LANG=C LD_LIBRARY_PATH=${LIBRARIES}
maillog_file = ${log}
maillog_file_prefixes = ${tmpdir()}
myhostname = mmsc.example.net
mydestination =
inet_interfaces = loopback-only
inet_protocols = ipv4
alias_maps =
alias_database =
smtp_host_lookup = native
relayhost = [127.0.0.1]:${smtpPort}
smtpd_relay_restrictions = permit_mynetworks, reject
queue_run_delay = 1s
minimal_backoff_time = 1s
`,
  );
  const script = `mount --bind "$1/passwd" /etc/passwd && mount --bind "$1/group" /etc/group && exec "$2/sbin/master" -c "$1/conf"`;
  const env = { ...process.env, LD_LIBRARY_PATH: LIBRARIES, MAIL_CONFIG: conf };
  const unshare = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
  const child = spawn("unshare", [...unshare, "sh", "-c", script, "sh", directory, LIBRARIES], {
    stdio: "ignore",
    env,
  });
  const ended = new Promise((resolve) => child.once("exit", resolve).once("error", resolve));
  return {
    async send(file, count) {
      const args = ["-s", "20", "-m", String(count), "-f", "a@mmsc.example.net", "-t", "c@mms.example.net", "-F", file];
      const send = () => promisify(execFile)(`${PACKAGE}usr/sbin/smtp-source`, [...args, `127.0.0.1:${port}`], { env });
      await eventually(
        () =>
          send().then(
            () => "",
            (cause: Error) => cause.message,
          ),
        // Not there yet.
        (fault) => !fault.includes("Connection refused"),
      );
    },
    log: () => (existsSync(log) ? readFileSync(log, "utf8") : ""),
    async stop() {
      child.kill("SIGKILL");
      await ended;
      rmSync(directory, { recursive: true });
    },
  };
}

function makeQueue(directory: string, queue: string): void {
  chmodSync(directory, 0o755);
  mkdirSync(queue);
  mkdirSync(join(queue, "pid"));
  mkdirSync(join(directory, "data"));
  chownSync(join(directory, "data"), OWNER, OWNER);
  const owned = ["active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved"];
  for (const name of [...owned, "trace", "public", "maildrop"]) {
    const path = join(queue, name);
    const shared = name === "public" ? 0o710 : name === "maildrop" ? 0o730 : null;
    mkdirSync(path);
    chownSync(path, OWNER, shared === null ? OWNER : DROP);
    chmodSync(path, shared ?? 0o700);
  }
}
