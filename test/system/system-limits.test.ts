/** What the system does not let a service do is told, with what to do about it. */
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { expect, test } from "vitest";
import { openFilesLimit, tooFewFiles } from "../../src/process/system-limits.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { eventually } from "../support/redis.ts";
import { cleanEnv, rowsOf, runCommand, startServiceProcess } from "../support/service.ts";

interface Finding {
  readonly about: string;
  readonly verdict: string;
  readonly text: string;
}

test("open files are compared with MM4D_MAX_CLIENTS", () => {
  expect(tooFewFiles(10_800, 10_000)).toEqual([]);
  expect(tooFewFiles(Number.POSITIVE_INFINITY, 65_535)).toEqual([]);
  expect(tooFewFiles(null, 65_535)).toEqual([]);
  expect(tooFewFiles(4_096, 10_000)).toEqual([
    "Only 4096 files may be open, too few for MM4D_MAX_CLIENTS=10000. Further peers would be dropped without a word. Raise it to 10800 (LimitNOFILE=, ulimit -n), or lower MM4D_MAX_CLIENTS to 3296",
  ]);
  expect(tooFewFiles(256, 10_000)[0]).toMatch(/\(LimitNOFILE=, ulimit -n\)$/);
  expect(openFilesLimit()).toBe(Number(/Max open files +(\d+)/.exec(readFileSync("/proc/self/limits", "utf8"))?.[1]));
});

test("too few are told at the start and by doctor, and when they are used up; afterwards peers are served as before", async () => {
  const service = await startServiceProcess({}, ["sh", "-c", 'ulimit -n 150; exec "$@"', "sh"]);
  const sockets: Socket[] = [];
  try {
    expect(service.said()).toContain("Only 150 files may be open, too few for MM4D_MAX_CLIENTS=10000.");
    const { stdout } = await runCommandWithin(["doctor", "--json"], service.env);
    const finding = rowsOf<Finding>(stdout).find(({ about }) => about === "open files");
    expect(finding).toMatchObject({ verdict: "warning", text: expect.stringContaining("Only 150 files") });
    const told = () => service.log().filter(({ event }) => event === "files.used-up");
    expect(told()).toEqual([]);
    for (let number = 0; number < 200; number += 1) {
      const socket = connect(service.smtpPort, "127.0.0.1");
      socket.on("error", () => {});
      sockets.push(socket);
    }
    await eventually(told, ({ length }) => length > 0);
    expect(told()).toEqual([expect.objectContaining({ level: "error", limit: 150 })]);
    for (const socket of sockets) socket.destroy();
    await eventually(
      async () => (await runCommandWithin(["send", "--status", "Retrieved"], service.env)).stdout,
      (said) => said.includes("250 2.0.0"),
    );
  } finally {
    for (const socket of sockets) socket.destroy();
    await service.stop();
  }
});

const FIRST_FREE = Number(readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "utf8"));

test.runIf(process.getuid?.() === 0 && FIRST_FREE > 25)(
  "port 25 without the right to it says which right that is",
  async () => {
    const under = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"];
    const env = cleanEnv({ MM4D_SMTP_PORT: "25", MM4D_ADMIN_PORT: "0", MM4D_DATA_DIR: "/nowhere/at/all" });
    const { stdout } = await runCommand(["doctor", "--json"], env, "", { under });
    expect(rowsOf<Finding>(stdout).find(({ about }) => about === "SMTP")).toMatchObject({
      verdict: "fault",
      text: expect.stringMatching(
        /^cannot listen on 127\.0\.0\.1:25: permission denied.*CAP_NET_BIND_SERVICE.*MM4D_SMTP_PORT$/,
      ),
    });
  },
);
