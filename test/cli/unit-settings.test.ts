/** Where a systemd unit has its service's data directory. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readUnitSettings } from "../../src/cli/unit-settings.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "mm4d-unit-"));
});
afterEach(() => rmSync(root, { recursive: true }));

function write(path: string, ...lines: readonly string[]): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), `${lines.join("\n")}\n`);
}
const dataDir = () => readUnitSettings(root).dataDir;

test("our own unit's file is read, with or without the unit", () => {
  expect(readUnitSettings(root)).toEqual({ dataDir: null, smtpPort: null, uid: null, unreadable: [] });
  write("etc/mm4d/mm4d.env", "; settings", "MM4D_DATA_DIR='/srv/with blank' ", "MM4D_SMTP_PORT=25");
  const found = { path: "/srv/with blank", file: "/etc/mm4d/mm4d.env" };
  expect(readUnitSettings(root)).toEqual({ dataDir: found, smtpPort: "25", uid: null, unreadable: [] });
  write("etc/systemd/system/mm4d.service", "[Service]", "EnvironmentFile=/etc/mm4d/mm4d.env", "ExecStart=mm4d serve");
  expect(dataDir()).toEqual(found);
});

test("the unit's files, its drop-ins and its own lines count as systemd counts them", () => {
  write("etc/mm4d/mm4d.env", "MM4D_DATA_DIR=/not-this-one");
  write("usr/lib/systemd/system/mm4d.service", "[Service]", "EnvironmentFile=/etc/mm4d/mm4d.env");
  write(
    "etc/systemd/system/mm4d.service",
    "[Service]",
    "# EnvironmentFile=/commented",
    "EnvironmentFile=/first",
    "EnvironmentFile=-/there/is/none",
    'Environment="MM4D_DATA_DIR=/from-a-line" OTHER=1',
  );
  expect(dataDir()).toEqual({ path: "/from-a-line", file: "mm4d.service" });
  write("first", "MM4D_DATA_DIR=/from-a-file");
  expect(dataDir()?.path).toBe("/from-a-file");
  write("etc/systemd/system/mm4d.service.d/10-own.conf", "[Service]", "EnvironmentFile=", "EnvironmentFile = /second");
  write("second", "MM4D_DATA_DIR=data \\", "# no comment");
  write("run/systemd/system/mm4d.service.d/20.conf", "[Service]", "WorkingDirectory=/opt/mm4d");
  expect(dataDir()?.path).toBe("/opt/mm4d/data # no comment");
});

test("the unit's user is known by number or by name", () => {
  const uid = () => readUnitSettings(root).uid;
  write("etc/systemd/system/mm4d.service", "[Service]", "User=mm4d");
  expect(uid()).toBeNull();
  write("etc/passwd", "root:x:0:0::/root:/bin/sh", "mm4d:x:998:997::/var/lib/mm4d:/usr/sbin/nologin");
  expect(uid()).toBe(998);
  write("etc/systemd/system/mm4d.service.d/10.conf", "[Service]", "User=1234");
  expect(uid()).toBe(1234);
});

test.runIf(process.getuid?.() !== 0)("a file that is not for us is told", () => {
  write("etc/mm4d/mm4d.env", "MM4D_DATA_DIR=/srv");
  chmodSync(join(root, "etc/mm4d/mm4d.env"), 0o000);
  expect(readUnitSettings(root).unreadable).toEqual([{ file: "/etc/mm4d/mm4d.env", why: "permission denied" }]);
});
