import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createCatalogue } from "../../src/catalogue/catalogue.ts";
import { readOverlay } from "../../src/settings/catalogue-schema.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { eventually } from "../support/redis.ts";
import { cleanEnv, runCommand, startServiceProcess } from "../support/service.ts";

const over = (file: unknown) => {
  const overlay = readOverlay(file);
  if (!overlay.ok) throw new Error(overlay.error.join("\n"));
  return createCatalogue(overlay.value);
};
const file = (content: unknown): string => {
  const path = join(mkdtempSync(join(tmpdir(), "mm4d-catalogue-")), "catalogue.json");
  writeFileSync(path, JSON.stringify(content));
  return path;
};

test("an operator's wording replaces ours, and only what it names", () => {
  const ours = createCatalogue().findCode(470);
  const theirs = over({ codes: [{ code: 470, remedy: "Call the abuse desk" }] });
  expect(theirs.findCode(470)).toEqual({ ...ours, remedy: "Call the abuse desk" });
  expect(theirs.version).toMatch(/\+own$/);
});

test("a code of the operator's own is known, and judged by its hundreds where it does not say otherwise", () => {
  const { findCode, entries } = over({
    codes: [
      { code: 488, name: "own-rule", explanation: "Ours", tag: "spam" },
      { code: 833, name: "outside", class: "hard", outcome: "rejected" },
    ],
  });
  expect(findCode(488)).toMatchObject({
    known: true,
    name: "own-rule",
    class: "hard",
    rejectedBy: "bandwidth",
    tag: "spam",
  });
  expect(findCode(833)).toMatchObject({ known: true, class: "hard", outcome: "rejected" });
  expect(entries.map(({ code }) => code)).toContain(488);
});

test("the example in docs/catalogue.md has no fault", () => {
  const [, json = ""] =
    /```json\n([\s\S]*?)```/.exec(readFileSync(new URL("../../docs/catalogue.md", import.meta.url), "utf8")) ?? [];
  expect(over(JSON.parse(json)).findCode(488).name).toBe("own-rule");
});

test("every fault is told with its row and what must be there", () => {
  const read = readOverlay({
    codes: [{ code: 1000 }, { name: "x" }, { code: 1, tag: "nonsense", colour: "red" }, 7],
    precedence: [
      {
        row: "a",
        statuses: ["Retrieved"],
        codes: ["hard"],
        winner: { outcome: "delivered" },
        conflict: "no",
        why: "x",
      },
    ],
    more: 1,
  });
  expect(read.ok ? [] : read.error).toEqual([
    "codes[0].code is 1000, must be a whole number from 0 to 999",
    "codes[1].code is missing, must be a whole number from 0 to 999",
    'codes[2].tag is "nonsense", must be one of opt-out, spam, receipt-timeout, or null',
    expect.stringMatching(/^codes\[2\]\.colour is unknown, must be one of code, name, /),
    "codes[3] is 7, must be an object with at least code",
    expect.stringMatching(/^precedence\[0\]\.statuses\[0\] is "Retrieved", must be one of retrieved, /),
    expect.stringMatching(/^precedence\[0\]\.winner is \{"outcome":"delivered"\}, must be "status", /),
    'precedence[0].conflict is "no", must be true or false',
    "more is unknown, must be one of codes, precedence",
  ]);
  expect(readOverlay([])).toEqual({
    ok: false,
    error: ["the whole is [], must be an object with codes, precedence or both"],
  });
  expect(readOverlay({ code: [] })).toEqual({
    ok: false,
    error: ["code is unknown. Did you mean codes?"],
  });
});

test("a precedence row of the operator's own is tried before ours, and SIGHUP reads the file again", async () => {
  const path = file({});
  const service = await startServiceProcess({ MM4D_CATALOGUE_FILE: path });
  try {
    const outcome = async (messageId: string) => {
      await runCommandWithin(
        ["send", "--status", "Retrieved", "--code", "470", "--message-id", messageId],
        service.env,
      );
      const line = await eventually(
        () => service.log().find((entry) => entry.event === "report.published" && entry.messageId === messageId),
        (found) => found !== undefined,
      );
      return line?.outcome;
    };
    expect(await outcome("before")).toBe("indeterminate");
    const row = {
      row: "own-7",
      statuses: ["retrieved"],
      codes: ["hard"],
      winner: "status",
      conflict: true,
      why: "Our handsets do not lie",
    };
    writeFileSync(path, JSON.stringify({ precedence: [row] }));
    service.signal("SIGHUP");
    await eventually(
      () => service.log().some(({ event }) => event === "settings.reloaded"),
      (reloaded) => reloaded,
    );
    expect(await outcome("after")).toBe("delivered");

    writeFileSync(path, "{");
    service.signal("SIGHUP");
    await eventually(
      () => service.log().some(({ event }) => event === "settings.not-reloaded"),
      (told) => told,
    );
    expect(await outcome("still")).toBe("delivered");
    expect(JSON.parse((await service.get("/version")).text)).toMatchObject({
      catalogue: expect.stringMatching(/\+own$/),
    });
  } finally {
    await service.stop();
  }
});

test("a faulty file stops the start, and every command that would use it", async () => {
  const env = cleanEnv({
    MM4D_CATALOGUE_FILE: file({ codes: [{ code: "470" }] }),
    MM4D_SMTP_PORT: "0",
    MM4D_ADMIN_PORT: "0",
    MM4D_DATA_DIR: mkdtempSync(join(tmpdir(), "mm4d-faulty-")),
  });
  for (const args of [["serve"], ["codes", "470"]]) {
    const { code, stderr } = await runCommand(args, env);
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining('codes[0].code is "470", must be a whole number from 0 to 999'),
    ]);
  }
  const worded = cleanEnv({ MM4D_CATALOGUE_FILE: file({ codes: [{ code: 470, remedy: "Call the abuse desk" }] }) });
  expect((await runCommandWithin(["codes", "470"], worded)).stdout).toContain("To do: Call the abuse desk");
});
