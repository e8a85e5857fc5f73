/** Debian's own nginx as a mail proxy, with the sample of docs/peers.md, of which only what belongs to a machine is replaced. */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readDocument } from "./document.ts";
import { eventually, freePort } from "./redis.ts";
import { replaceEach } from "./sample.ts";
import { unpacked } from "./unpacked.ts";

export interface TestNginx {
  readonly port: number;
  /** Its error log so far. */
  log(): string;
  stop(): Promise<void>;
}

/** `directives`: instead of those of the sample that concern mm4d. */
export async function startNginx(smtpPort: number, directives?: string): Promise<TestNginx> {
  const directory = mkdtempSync(join(tmpdir(), "mm4d-nginx-"));
  const [port, authPort] = [await freePort(), await freePort()];
  const [file, log] = [join(directory, "nginx.conf"), join(directory, "error.log")];
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  for (const name of temporary) mkdirSync(join(directory, name));
  const own = replaceEach(readDocument("docs/peers.md").block("nginx"), [
    ["modules/ngx_mail_module.so", unpacked("nginx-mail", "usr/lib/nginx/modules/ngx_mail_module.so")],
    [/127\.0\.0\.1:9000/g, `127.0.0.1:${authPort}`],
    ["Auth-Server 192.0.2.11", "Auth-Server 127.0.0.1"],
    ["Auth-Port 2525", `Auth-Port ${smtpPort}`],
    ["listen 25", `listen 127.0.0.1:${port}`],
    [
      "http {",
      `http {\n${temporary.map((name) => `${name}_temp_path ${directory}/${name};`).join("\n")}access_log off;`,
    ],
    ...(directives === undefined
      ? []
      : ([
          ["xclient off;", directives],
          ["proxy_protocol on;", ""],
        ] as const)),
  ]);
  writeFileSync(file, `daemon off; master_process off; pid ${directory}/pid; error_log ${log} info;\n${own}`);
  const child = spawn(unpacked("nginx", "usr/sbin/nginx"), ["-p", directory, "-e", log, "-c", file], {
    stdio: "ignore",
  });
  const ended = new Promise((resolve) => child.once("exit", resolve).once("error", resolve));
  const listens = (): Promise<boolean> =>
    new Promise((resolve) => {
      const probe = createConnection(port, "127.0.0.1", () => resolve(true)).once("error", () => resolve(false));
      probe.once("connect", () => probe.destroy());
    });
  async function stop(): Promise<void> {
    child.kill("SIGKILL");
    await ended;
    rmSync(directory, { recursive: true });
  }
  try {
    await eventually(
      () => {
        if (child.exitCode !== null) throw new Error(`nginx ended: ${readFileSync(log, "utf8")}`);
        return listens();
      },
      (up) => up,
    );
  } catch (cause) {
    await stop();
    throw cause;
  }
  return { port, log: () => readFileSync(log, "utf8"), stop };
}
