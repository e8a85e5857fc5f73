/** The unit that we ship, under a real systemd, installed by the lines that docs/operating.md has for it. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import { eventually, startRedis } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";
import { openSession } from "../support/smtp-client.ts";
import { canRunSystemd, startSystemd } from "../support/systemd.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const UNIT = `${ROOT}ops/systemd/mm4d.service`;
/** An address of this machine that nobody else uses, so that port 25 of it is free. */
const HOST = "127.0.25.1";
const directory = mkdtempSync(join(tmpdir(), "mm4d-systemd-"));
afterAll(() => rmSync(directory, { recursive: true }));

test("the unit exposes no more than it says", async () => {
  const { stdout } = await promisify(execFile)("systemd-analyze", ["security", "--offline=yes", "--no-pager", UNIT]);
  const [, exposure] = /Overall exposure level for mm4d.service: ([\d.]+)/.exec(stdout) ?? [];
  expect(Number(exposure)).toBeLessThan(2.5);
  // Each version weighs otherwise.
  const { stdout: version } = await promisify(execFile)("systemd-analyze", ["--version"]);
  if (version.startsWith("systemd 252 ")) {
    expect(await operatingSection()).toContain(`gives it ${exposure} of 10`);
  }
});

test.skipIf(!canRunSystemd())(
  "it is installed, starts, takes reports on port 25, reloads, is watched, and stops (root only)",
  async () => {
    const redis = await startRedis();
    const systemd = await startSystemd();
    try {
      const [install = "", start = "", command = ""] = shellBlocks(await operatingSection());
      // What is there is set up already.
      const setUp = "npm run setup && npm prune --omit=dev\n";
      expect(install).toContain(setUp);
      await systemd.run(install.replace(setUp, ""));
      await systemd.run(
        `printf '%s\\n' REDIS_URL=${redis.url} MM4D_SMTP_HOST=${HOST} MM4D_ADMIN_HOST=${HOST} MM4D_PROCESSES=2 MM4D_PEERS='carrier=127.0.0.0/8' >> /etc/mm4d/mm4d.env
         mkdir /run/units/mm4d.service.d
         printf '[Service]\\nWatchdogSec=8s\\nStandardOutput=append:/run/mm4d.log\\nStandardError=append:/run/mm4d.log\\n' > /run/units/mm4d.service.d/test.conf`,
      );
      expect(await systemd.run("systemd-analyze verify --man=no /etc/systemd/system/mm4d.service 2>&1")).toBe("");
      // Returns when it is ready, and not before: the very next thing may be a report.
      await systemd.run(start);
      await deliver("first");
      expect(await systemd.show("StatusText", "mm4d")).toBe('Takes reports; "mm4d status" says how it is');
      expect(await systemd.run(command)).toContain("1 in the last minute");

      const main = await systemd.show("MainPID", "mm4d");
      const state = await systemd.run(`cat /proc/${main}/status; stat --format=%U:%a /var/lib/mm4d`);
      expect(state).toMatch(/^CapEff:\t0000000000000400$/m);
      expect(state).toMatch(/^Seccomp:\t2$/m);
      expect(state).toMatch(/^NoNewPrivs:\t1$/m);
      expect(state).toMatch(/^mm4d:700$/m);

      await systemd.run("systemctl reload mm4d");
      await logged("settings.reloaded", 2);

      // One of several that hangs: test/system/watchdog.test.ts.
      await systemd.run(`kill -STOP ${main}`);
      await eventually(
        () => systemd.show("NRestarts", "mm4d"),
        (count) => count === "1",
      );
      await eventually(
        () => systemd.show("ActiveState", "mm4d"),
        (state) => state === "active",
      );
      await deliver("second");

      await systemd.run("systemctl stop mm4d");
      expect(await systemd.show("Result", "mm4d")).toBe("success");
      expect(await systemd.show("ExecMainStatus", "mm4d")).toBe("0");
      expect(Number(await redis.call("LLEN", "bull:mm4-delivery-events:wait"))).toBe(2);
      expect(await log()).not.toMatch(/EPERM|EACCES|Cannot/);
    } finally {
      await systemd.stop();
      await redis.stop();
    }

    function log(): Promise<string> {
      return systemd.run("cat /run/mm4d.log");
    }
    function logged(what: string, times = 1): Promise<string> {
      return eventually(log, (text) => text.split(what).length > times);
    }
  },
);

async function deliver(id: string): Promise<void> {
  const client = await openSession(25, { host: HOST });
  expect(await client.deliver(deliveryReport({ "X-Mms-Message-ID": id }), "mm4@mms.example.net")).toMatch(/^250 /);
  client.end();
}

async function operatingSection(): Promise<string> {
  const [, section = ""] =
    /\n## Under systemd\n([\s\S]*?)\n## /.exec(await readFile(`${ROOT}docs/operating.md`, "utf8")) ?? [];
  return section;
}

function shellBlocks(text: string): readonly string[] {
  return [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = ""]) => block.replaceAll(/^ +/gm, ""));
}
