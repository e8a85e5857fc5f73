/** A data directory of another user, as where a volume is mounted with a group of its own (fsGroup, emptyDir). */
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { cleanEnv, rowsOf, runCommand, startServiceProcess } from "../support/service.ts";

/** Root without its rights over other users' files. */
const UNDER = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"];
const ANOTHER = 65_534;
const directory = mkdtempSync(join(tmpdir(), "mm4d-directory-"));
afterAll(() => rmSync(directory, { recursive: true }));

function anothers(name: string, gid: number, mode: number): string {
  const path = join(directory, name);
  mkdirSync(path);
  chownSync(path, ANOTHER, gid);
  chmodSync(path, mode);
  return path;
}

async function doctor(dataDir: string) {
  const env = cleanEnv({ MM4D_DATA_DIR: dataDir, MM4D_SMTP_PORT: "0", MM4D_ADMIN_PORT: "0" });
  const { stdout } = await runCommand(["doctor", "--json"], env, "", { under: UNDER });
  return rowsOf<{ about: string; verdict: string; text: string }>(stdout).find(
    ({ about }) => about === "data directory",
  );
}

test.runIf(process.getuid?.() === 0)(
  "one that may be written is used, with a warning that doctor repeats",
  async () => {
    const dataDir = anothers("shared", 0, 0o2770);
    const service = await startServiceProcess({ MM4D_DATA_DIR: dataDir }, UNDER);
    try {
      const doubt = `${dataDir} belongs to uid ${ANOTHER} and cannot be made ours alone: nobody else reads what mm4d writes there, but group 0 may remove it`;
      expect(service.log()).toContainEqual(expect.objectContaining({ event: "service.note", note: doubt }));
      const { stdout } = await runCommand(["send", "--status", "Retrieved"], service.env);
      expect(stdout).toContain("250 2.0.0 Report stored");
      expect(statSync(dataDir).mode & 0o7777).toBe(0o2770);
      for (const name of ["journal", "redis"])
        expect([name, statSync(join(dataDir, name)).mode & 0o77]).toEqual([name, 0]);
      expect(await doctor(dataDir)).toMatchObject({ verdict: "warning", text: doubt });
    } finally {
      service.signal("SIGTERM");
      await service.exited();
    }
  },
);

test.runIf(process.getuid?.() === 0)("one that cannot be used names its setting, whatever it is", async () => {
  const denied = "permission denied, must be readable and writable for uid 0 (MM4D_DATA_DIR)";
  writeFileSync(join(directory, "file"), "");
  const cases = [
    [anothers("readable", 2000, 0o755), denied],
    [anothers("writable", 2000, 0o733), denied],
    [join(anothers("outer", 2000, 0o700), "inner"), denied],
    [join(directory, "file"), "ENOTDIR"],
  ] as const;
  await Promise.all(
    cases.map(async ([dataDir, why]) => {
      const env = cleanEnv({ MM4D_DATA_DIR: dataDir, MM4D_SMTP_PORT: "0", MM4D_ADMIN_PORT: "0" });
      const { code, stderr } = await runCommand(["serve"], env, "", { under: UNDER });
      expect([code, stderr]).toEqual([1, expect.stringContaining(`Cannot use the data directory ${dataDir}: `)]);
      expect(stderr).toContain(why);
      expect(stderr).toMatch(/\(MM4D_DATA_DIR\)\n$/);
    }),
  );
  expect(await doctor(join(directory, "outer/inner"))).toMatchObject({ verdict: "fault" });
  // In this one everybody may make names, and nobody read them: what is made there is ours.
  const inner = join(anothers("dropbox", 2000, 0o733), "inner");
  const service = await startServiceProcess({ MM4D_DATA_DIR: inner }, UNDER);
  service.signal("SIGTERM");
  expect(await service.exited()).toBe(0);
});
