/** docs/security.md: the tests that it names are there, and what it says of packages and of HTTP is so. */
import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ROOT, readDocument } from "../support/document.ts";
import { cleanEnv, runCommand } from "../support/service.ts";

const SECURITY = readDocument("docs/security.md");

test("every test that is named as playing an attack is there, under that name", () => {
  const rows = SECURITY.table("threats");
  expect(rows.length).toBeGreaterThan(30);
  // What is said twice is soon said in two ways.
  const threats = rows.map(([threat = ""]) => threat.replace(/,? and .*/, ""));
  expect(threats).toEqual([...new Set(threats)]);
  for (const [threat, , played = ""] of rows) {
    const named = [...played.matchAll(/`(test\/[^`]+)`(?: "([^"]+)")?/g)];
    expect([threat, named.length > 0]).toEqual([threat, true]);
    for (const [, path = "", title = ""] of named) {
      expect([path, existsSync(`${ROOT}${path}`)]).toEqual([path, true]);
      // Where a title is written in the code, its quotes have a backslash.
      const source = readFileSync(`${ROOT}${path}`, "utf8").replaceAll("\\", "");
      expect([path, title, source.includes(title)]).toEqual([path, title, true]);
    }
  }
});

test("packages are named by exact versions, locked with hashes, and one of them has an install script", () => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(`${ROOT}package.json`, "utf8"));
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies }))
    expect([name, version]).toEqual([name, expect.stringMatching(/^\d+\.\d+\.\d+$/)]);
  const { packages } = JSON.parse(readFileSync(`${ROOT}package-lock.json`, "utf8")) as {
    packages: Record<string, { integrity?: string; hasInstallScript?: true; dev?: true }>;
  };
  const installed = Object.entries(packages).filter(([path]) => path !== "");
  expect(installed.filter(([, { integrity }]) => !integrity?.startsWith("sha512-"))).toEqual([]);
  const scripted = installed.filter(([, { hasInstallScript, dev }]) => hasInstallScript && !dev);
  expect(scripted.map(([path]) => path)).toEqual(["node_modules/msgpackr-extract"]);
});

test("HTTP beyond this machine without a token is refused at the start", async () => {
  const { code, stderr } = await runCommand(["serve"], cleanEnv({ MM4D_ADMIN_HOST: "0.0.0.0" }));
  expect([code, stderr]).toEqual([1, expect.stringContaining("without MM4D_ADMIN_TOKEN")]);
});
