/** A real HAProxy with the sample that we ship, of which only what belongs to a machine is replaced. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { eventually, freePort } from "./redis.ts";
import { replaceEach } from "./sample.ts";
import type { TestService } from "./service.ts";
import { unpacked } from "./unpacked.ts";

export interface TestHaproxy {
  readonly port: number;
  /** The counters of a server, by their names in HAProxy's management guide §9.1. */
  server(name: string): Promise<Readonly<Record<string, string>>>;
  stop(): Promise<void>;
}

const SAMPLE = fileURLToPath(new URL("../../ops/haproxy/haproxy.cfg", import.meta.url));

/** Resolves when it takes both replicas for ready. */
export async function startHaproxy(a: TestService, b: TestService): Promise<TestHaproxy> {
  const sample = readFileSync(SAMPLE, "utf8");
  return runHaproxy(["a", "b"], (port, socket) =>
    replaceEach(sample, [
      [/^ {2}(log \/dev\/log|user|group|chroot) .*\n/gm, ""],
      ["/run/haproxy/admin.sock", socket],
      ["bind :::25 v4v6", `bind ::ffff:127.0.0.1:${port} v4v6`],
      ["192.0.2.11:2525 check port 8025", `127.0.0.1:${a.smtpPort} check port ${a.adminPort}`],
      ["192.0.2.12:2525 check port 8025", `127.0.0.1:${b.smtpPort} check port ${b.adminPort}`],
    ]),
  );
}

/** One whose checks speak SMTP, behind a header of either version. Resolves when it takes both servers for ready. */
export async function startHaproxyThatSpeaksSmtp(smtpPort: number, check: string): Promise<TestHaproxy> {
  return runHaproxy(
    ["v1", "v2"],
    (port, socket) => `global
  stats socket ${socket} mode 600 level admin
defaults
  mode tcp
  timeout connect 5s
  timeout check 5s
  timeout client 1m
  timeout server 1m
listen mm4d
  bind 127.0.0.1:${port}
  ${check}
  default-server inter 100ms fall 1 rise 3
  server v1 127.0.0.1:${smtpPort} check send-proxy
  server v2 127.0.0.1:${smtpPort} check send-proxy-v2
`,
  );
}

async function runHaproxy(
  servers: readonly string[],
  configuration: (port: number, socket: string) => string,
): Promise<TestHaproxy> {
  const directory = mkdtempSync(join(tmpdir(), "mm4d-haproxy-"));
  const port = await freePort();
  const socket = join(directory, "admin.sock");
  const file = join(directory, "haproxy.cfg");
  writeFileSync(file, configuration(port, socket));
  const child = spawn(unpacked("haproxy", "usr/sbin/haproxy"), ["-db", "-f", file], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (piece) => {
    said += piece;
  });
  const ended = new Promise((resolve) => child.once("exit", resolve).once("error", resolve));

  async function server(name: string): Promise<Readonly<Record<string, string>>> {
    const client = createConnection(socket);
    client.write("show stat\n");
    const [names, ...rows] = (await text(client)).split("\n").map((line) => line.replace(/^# /, "").split(","));
    const row = rows.find(([proxy, service]) => proxy === "mm4d" && service === name) ?? [];
    return Object.fromEntries((names ?? []).map((key, index) => [key, row[index] ?? ""]));
  }
  async function stop(): Promise<void> {
    child.kill("SIGKILL");
    await ended;
    rmSync(directory, { recursive: true });
  }
  try {
    for (const name of servers) {
      await eventually(
        () => {
          if (child.exitCode !== null) throw new Error(`HAProxy ended with ${child.exitCode}: ${said}`);
          return server(name).catch(() => ({}) as Record<string, string>); // Not there yet.
        },
        // L7OK: it was asked, and not only taken for ready at first.
        ({ status, check_status }) => status === "UP" && check_status === "L7OK",
      );
    }
  } catch (cause) {
    await stop();
    throw cause;
  }
  return { port, server, stop };
}
