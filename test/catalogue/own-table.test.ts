/** Whose code it is: a peer whose entry names another table than the catalogue's, or none. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { nameForPeers, saidToPeers } from "../../src/catalogue/by-peers.ts";
import { createCatalogue } from "../../src/catalogue/catalogue.ts";
import { createNoTable, createOwnTable } from "../../src/catalogue/own-table.ts";
import type { DeliveryEvent } from "../../src/delivery/event.ts";
import { MM_STATUSES } from "../../src/delivery/status.ts";
import { tablesBeside } from "../../src/settings/catalogue-file.ts";
import { readOwnTable } from "../../src/settings/catalogue-schema.ts";
import { countedCode, isUnlisted } from "../../src/text/codes.ts";
import { describeCode, describeEvent } from "../../src/text/describe.ts";
import { deliveryReport, eventOf, read as readBy } from "../support/report.ts";

const directory = mkdtempSync(join(tmpdir(), "mm4d-own-table-"));
afterAll(() => rmSync(directory, { recursive: true }));

function saved(name: string, content: unknown): string {
  const path = join(directory, name);
  writeFileSync(path, JSON.stringify(content));
  return path;
}

/** Explains 470, judges 620, and says of 9 only that there is such a code. */
const ACME = saved("acme.json", {
  codes: [
    { code: 470, name: "acme-busy", explanation: "The handset was busy.", remedy: "Try again.", retryable: true },
    { code: 620, name: "acme-refused", class: "hard", outcome: "rejected", rejectedBy: "carrier", maxRetries: 0 },
    { code: 9 },
  ],
});

/** The examples of a document, in JSON. */
const examplesIn = (name: string): unknown[] =>
  [...readFileSync(new URL(`../../docs/${name}`, import.meta.url), "utf8").matchAll(/```json\n([\s\S]*?)```/g)].map(
    ([, json = ""]) => JSON.parse(json),
  );

const withCode = (code: string, status: string | null = "Rejected") =>
  deliveryReport({ "X-Mms-MM-Status-Code": status ?? undefined, "X-Internal-Status-Code": code });

function verdictOf({ data }: DeliveryEvent) {
  const { outcome, disposition, final, rank, stage, rejectedBy, conflict } = data;
  return { outcome, disposition, final, rank, stage, rejectedBy, conflict };
}

describe("without a table", () => {
  test("a code keeps its number, and nothing is said of it that another vendor's table says", () => {
    const event = eventOf(withCode("470"), { catalogue: "none" });
    expect(event.data.reason).toEqual({
      code: 470,
      name: "470",
      known: false,
      documented: false,
      explanation: "The codes of this peer have no table here, so the status alone was judged.",
      remedy: "Go by the status beside it. Ask the peer what the code means, with the code and the message id.",
      fault: null,
      reportedBy: null,
      retryable: false,
      maxRetries: null,
      suppress: false,
      tag: null,
      httpCode: null,
      catalogueVersion: "none",
    });
    expect(examplesIn("event.md")).toContainEqual(event.data.reason);
    expect([event.data.rejectedBy, event.data.warnings]).toEqual([null, []]);
    expect(describeEvent(event)[0]).toBe("rejected (failure, final)  code 470");
    expect(
      JSON.stringify([event, describeEvent(event), describeCode(createNoTable().findCode(470), null)]),
    ).not.toMatch(/bandwidth/i);
  });

  const STATUSES = [...MM_STATUSES.map(({ words: [word] }) => word ?? ""), "teleported"];
  const CODES = [...createCatalogue().entries.map(({ code }) => code), 488, 833, 888_888].map(String);

  test.each(STATUSES)("beside %s the verdict is the status's alone, whatever the code", (status) => {
    const alone = verdictOf(eventOf(deliveryReport({ "X-Mms-MM-Status-Code": status })));
    for (const code of CODES) {
      const event = eventOf(withCode(code, status), { catalogue: "none" });
      expect([code, verdictOf(event)]).toEqual([code, alone]);
      expect(event.data.warnings).not.toContain("code-out-of-range");
    }
  });

  test("a code beside no status decides nothing; in a forward response neither", () => {
    const alone = eventOf(withCode("470", null), { catalogue: "none" });
    expect(verdictOf(alone)).toMatchObject({ outcome: "unknown", disposition: "unknown", final: false });
    expect(alone.data.warnings).toEqual(["missing-status"]);
    const response = { "X-Mms-Message-Type": "MM4_forward.RES", "X-Mms-Request-Status-Code": "Ok" };
    const answered = eventOf(deliveryReport({ ...response, "X-Internal-Status-Code": "470" }), { catalogue: "none" });
    expect(verdictOf(answered)).toEqual(verdictOf(eventOf(deliveryReport(response))));
  });

  test("a number is told as it is written: what its thousands mean is another vendor's business", () => {
    const { reason, warnings } = eventOf(withCode("4470"), { catalogue: "none" }).data;
    expect([reason?.code, reason?.name, reason?.httpCode, warnings]).toEqual([4470, "4470", null, []]);
    const theirs = eventOf(withCode("4470")).data;
    expect([theirs.reason?.code, theirs.warnings]).toEqual([470, ["code-in-http-form"]]);
  });

  test("the same number is the same object, because it is made text once; not for numbers without end", () => {
    const { findCode } = createNoTable();
    expect(findCode(470)).toBe(findCode(470));
    for (let code = 1_000; code < 3_000; code += 1) findCode(code);
    expect(findCode(2_999)).not.toBe(findCode(2_999));
    expect(findCode(470)).toBe(findCode(470));
  });
});

describe("with a table of its own", () => {
  const read = (code: string, status = "Expired") => eventOf(withCode(code, status), { catalogue: ACME });

  test("a row that says nothing of how it weighs explains, and the status decides", () => {
    const event = read("470");
    expect(event.data.reason).toMatchObject({
      code: 470,
      name: "acme-busy",
      known: true,
      documented: false,
      explanation: "The handset was busy.",
      remedy: "Try again.",
      retryable: true,
      maxRetries: null,
      fault: null,
      reportedBy: null,
      catalogueVersion: "own",
    });
    expect(verdictOf(event)).toEqual(verdictOf(eventOf(deliveryReport({ "X-Mms-MM-Status-Code": "Expired" }))));
  });

  test("a row with a class and an outcome decides as ours do", () => {
    expect(verdictOf(read("620"))).toMatchObject({ outcome: "rejected", rejectedBy: "carrier", final: true });
    expect(read("620", "Retrieved").data).toMatchObject({ outcome: "indeterminate", conflict: true });
  });

  test("what no row lists is neither known nor explained by hundreds, and nothing comes from the catalogue", () => {
    expect(read("475").data.reason).toMatchObject({ name: "475", known: false, suppress: false, tag: null });
    expect(read("9").data.reason).toMatchObject({ name: "9", known: true });
    const events = ["470", "620", "9", "475", "5999", "4470"].map((code) => read(code));
    expect(JSON.stringify(events)).not.toMatch(/bandwidth/i);
    expect(events[4]?.data.reason).toMatchObject({ code: 999, httpCode: 5999, known: false });
    expect(events[5]?.data.reason).toMatchObject({ code: 470, httpCode: 4470, name: "acme-busy" });
  });

  test("its own precedence rows are tried first", () => {
    const row = {
      row: "acme-1",
      statuses: ["retrieved"],
      codes: ["hard"],
      winner: "status",
      conflict: true,
      why: "Their handsets do not lie",
    };
    const codes = [{ code: 620, class: "hard", outcome: "rejected" }];
    const path = saved("precedence.json", { codes, precedence: [row] });
    expect(eventOf(withCode("620", "Retrieved"), { catalogue: path }).data).toMatchObject({
      outcome: "delivered",
      conflict: true,
    });
  });

  test.each([
    [
      { codes: [{ code: 1, class: "hard" }] },
      /^codes\[0\]\.outcome is missing, must be one of delivered, .*, because the row has a class$/,
    ],
    [
      { codes: [{ code: 1, class: "soft", outcome: null }] },
      /^codes\[0\]\.outcome is null, must be one of .*, because the row has a class$/,
    ],
    [
      { codes: [{ code: 1, outcome: "failed" }] },
      /^codes\[0\]\.class is missing, must be one of none, .*, because the row has an outcome$/,
    ],
    [{ codes: [{ code: 1 }, { code: 1 }] }, /^codes\[1\]\.code is 1, must be a code that stands in one row only$/],
    [{ codes: [{ code: 1000 }] }, /^codes\[0\]\.code is 1000, must be a whole number from 0 to 999$/],
    [{ kodes: [] }, /^kodes is unknown\. Did you mean codes\?$/],
  ])("a fault is told with where it is: %j", (json, expected) => {
    const table = readOwnTable(json);
    expect(table.ok ? [] : table.error).toEqual([expect.stringMatching(expected)]);
  });

  test("a code that stands twice is told beside what else is wrong with its rows", () => {
    const table = readOwnTable({ codes: [{ code: 1, nmae: "x" }, { code: 1, class: "hrad" }, null, 7] });
    expect(table.ok ? [] : table.error).toEqual([
      expect.stringMatching(/^codes\[0\]\.nmae is unknown/),
      expect.stringMatching(/^codes\[1\]\.class is "hrad", must be one of/),
      expect.stringMatching(/^codes\[2\] is null/),
      expect.stringMatching(/^codes\[3\] is 7/),
      expect.stringMatching(/^codes\[1\]\.code is 1, must be a code that stands in one row only/),
      expect.stringMatching(/^codes\[1\]\.outcome is missing/),
    ]);
  });

  test("the example of the documentation is in order", () => {
    const [, alone] = examplesIn("catalogue.md");
    expect(readOwnTable(alone)).toMatchObject({ ok: true, value: { codes: [{ name: "inbox-full" }] } });
  });

  test("a class of none needs no outcome, and an empty table is one", () => {
    expect(readOwnTable({ codes: [{ code: 0, class: "none" }] }).ok).toBe(true);
    const empty = readOwnTable({});
    if (!empty.ok) throw new Error(empty.error.join());
    expect(createOwnTable(empty.value).findCode(470)).toMatchObject({ known: false, class: "not-judged" });
  });
});

test("no table changes an event's id: one code or several, in whatever form, beside whatever status", () => {
  const code = fc.oneof(
    fc.constantFrom("0", "ok", "470", "4470", "902", "9902", "5999", "9999", "620", "833", "x", "0470", "470 spam", ""),
    fc.nat({ max: 10_000 }).map(String),
  );
  const status = fc.constantFrom(undefined, "Retrieved", "Rejected", "Expired", "Deferred", "teleported");
  fc.assert(
    fc.property(fc.array(code, { minLength: 1, maxLength: 4 }), status, (codes, said) => {
      const fields = Buffer.from(deliveryReport({ "X-Mms-MM-Status-Code": said })).toString();
      const bytes = Buffer.from(codes.map((one) => `X-Internal-Status-Code: ${one}\r\n`).join("") + fields);
      const ids = ["bandwidth", "none", ACME].map((catalogue) => {
        const read = readBy(bytes, { catalogue });
        return read.ok ? read.value.id : read.error.kind;
      });
      expect(new Set(ids).size).toBe(1);
    }),
  );
});

describe("the table that a message's rules name", () => {
  const general = createCatalogue();

  test("is the one that was loaded with the peers, and else the file as it is, read once", () => {
    const unread: string[] = [];
    const loaded = createNoTable();
    const tableOf = tablesBeside(general, new Map([["/loaded.json", loaded]]), ({ message: why }) => unread.push(why));
    expect(tableOf("bandwidth")).toBe(general);
    expect(tableOf("/loaded.json")).toBe(loaded);
    expect(tableOf(ACME).findCode(470).name).toBe("acme-busy");
    expect(tableOf(ACME)).toBe(tableOf(ACME));
    expect(unread).toEqual([]);
  });

  test("is none when its file is gone, which is told once", () => {
    const unread: string[] = [];
    const tableOf = tablesBeside(general, new Map(), ({ message: why }) => unread.push(why));
    expect([tableOf("/gone.json").version, tableOf("/gone.json").version]).toEqual(["none", "none"]);
    expect(unread).toEqual([expect.stringMatching(/^Cannot use \/gone\.json: ENOENT/)]);
  });
});

test("among peers with different tables each name is told with whose it is", () => {
  const none = createNoTable();
  const catalogueOf = (peer: string) => (peer.startsWith("acme") ? none : createdOnce);
  const createdOnce = createCatalogue();
  expect(nameForPeers(470, ["one", "two"], catalogueOf)).toBe("rejected-spam-detected");
  expect(nameForPeers(470, ["acme"], catalogueOf)).toBe("not explained");
  expect(nameForPeers(470, ["one", "acme", "acme-2"], catalogueOf)).toBe(
    "rejected-spam-detected (one); not explained (acme, acme-2)",
  );
  expect(saidToPeers(470, ["acme", "one"], catalogueOf)).toMatchObject([
    { peers: ["acme"], entry: { name: "470" } },
    { peers: ["one"], entry: { tag: "spam" } },
  ]);
});

test.each([
  ["bandwidth", "470", "470", false],
  ["bandwidth", "488", "other", true],
  ["none", "470", "470", false],
  ["none", "9999", "other", false],
  [ACME, "470", "470", false],
  [ACME, "475", "other", true],
])("by the table %s code %s is counted as %s", (catalogue, code, counted, unlisted) => {
  const { reason } = eventOf(withCode(code), { catalogue }).data;
  expect([countedCode(reason), isUnlisted(reason)]).toEqual([counted, unlisted]);
});

test("a report without a code has no reason, whatever the table", () => {
  const { reason } = eventOf(deliveryReport(), { catalogue: "none" }).data;
  expect([reason, countedCode(reason), isUnlisted(reason)]).toEqual([null, "none", false]);
});
