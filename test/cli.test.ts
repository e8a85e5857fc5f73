/** The commands that need no service: what they print, and that it fits a terminal. */
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { createCatalogue } from "../src/catalogue/catalogue.ts";
import { runCommandWithin } from "./support/command-within.ts";
import { deliveryReport } from "./support/report.ts";
import { cleanEnv, runCommand } from "./support/service.ts";

const run = (...args: string[]) => runCommandWithin(args);
const message = (name: string) => fileURLToPath(new URL(`messages/${name}.eml`, import.meta.url));

test.concurrent("`codes` lists every code, in 80 columns", async () => {
  const lines = (await run("codes")).stdout.trimEnd().split("\n");
  expect(lines.map((line) => Number(line.slice(0, 3)))).toEqual(createCatalogue().entries.map(({ code }) => code));
  for (const line of lines) expect([line, line.length <= 80]).toEqual([line, true]);
});

test.concurrent("`codes` looks up a number, its HTTP form, a range and a word", async () => {
  const codes = async (what: string) => {
    const { code, stdout } = await run("codes", what, "--json");
    return code === 0 ? (JSON.parse(stdout) as { code: number }[]).map((entry) => entry.code) : [];
  };
  expect(await codes("470")).toEqual([470]);
  expect(await codes("4470")).toEqual([470]);
  expect(await codes("9xx")).toEqual([902, 999]);
  expect(await codes("470-476")).toEqual([470, 475, 476]);
  expect(await codes("spam")).toEqual(expect.arrayContaining([187, 470, 770]));
  expect(await codes("opt-out")).toEqual([475, 775]);
  expect(await codes("480")).toEqual([480]);
  expect(await codes("no such thing")).toEqual([]);
});

test.concurrent("`codes 902` tells what happened, what to do, and that it is no reason to send again", async () => {
  const { code, stdout } = await run("codes", "902");
  expect(code).toBe(0);
  expect(stdout).toContain("902 delivery-receipt-expired\n");
  expect(stdout).toContain("To do:");
  expect(stdout).toContain("Send again unchanged: no; tag: receipt-timeout; over HTTP: 9902");
  expect((await run("codes", "480")).stdout).toContain("Its hundreds are those of messages that Bandwidth");
});

test.concurrent("`explain` tells the event a message would make, and each tolerance in words", async () => {
  const { code, stdout } = await run("explain", message("status-in-x-mms-status"));
  expect(code).toBe(0);
  expect(stdout).toContain("Tolerated:\n    status-in-x-mms-status: The status stands in X-Mms-Status");
  for (const line of stdout.split("\n")) expect([line, line.length <= 80]).toEqual([line, true]);
  const saved = "X-Mms-Message-Type: MM4_delivery_report.REQ\nX-Internal-Status-Code: 470\n";
  const piped = await runCommand(["explain", "-", "--json"], cleanEnv({ MM4D_DOMAIN: "mms.example.net" }), saved);
  expect(JSON.parse(piped.stdout)).toMatchObject({
    source: "/mm4d/mms.example.net",
    data: { outcome: "rejected", reason: { code: 470 } },
  });
});

test.concurrent("what a peer wrote does nothing to the terminal, and is whole in JSON", async () => {
  const id = "a\u202eb\u200bc\u2066d\ufeffe";
  const saved = Buffer.from(deliveryReport({ "X-Mms-Message-ID": id, "X-Mms-Status-Text": `x${id}` })).toString();
  const { stdout } = await runCommand(["explain", "-"], cleanEnv({}), saved);
  expect(stdout).toContain("message a\\u202eb\\u200bc\\u2066d\\ufeffe, recipient");
  const json = (await runCommand(["explain", "-", "--json"], cleanEnv({}), saved)).stdout;
  expect(`${stdout}${json}`).not.toMatch(/\p{Cf}/u);
  expect(JSON.parse(json).data).toMatchObject({ messageId: id, raw: { statusText: `x${id}` } });
  const { stderr } = await run("explain", "/nowhere/\u009b2J\u202e");
  expect(stderr).toContain("/nowhere/\\x9b2J\\u202e");
  expect((await run("tra\u009bce")).stderr).toContain("unknown command 'tra\\x9bce'");
});

test.concurrent("`explain` says why there is no event, and fails", async () => {
  for (const [name, why] of [
    ["not-mm4-names-the-field", "refused with 554"],
    ["empty-line-first", "not in its header"],
    ["no-status", "kept in quarantine"],
    ["request-recipients-beyond-bound", "kept in quarantine. It names more than 500 recipients"],
    ["forward-req", "counted and not queued"],
  ] as const) {
    const file = name === "forward-req" ? "-" : message(name);
    const { code, stderr } = await runCommand(
      ["explain", file],
      cleanEnv({}),
      "X-Mms-Message-Type: MM4_forward.REQ\n\n",
    );
    expect([name, code, stderr]).toEqual([name, 1, expect.stringContaining(why)]);
  }
  expect(await run("explain", "/nowhere")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("Cannot read /nowhere"),
  });
});
