/** The contract with consumers: what version 1 promised stays, and there is an event of every kind to test with. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createCatalogue } from "../../src/catalogue/catalogue.ts";
import { type DeliveryEvent, shouldApply } from "../../src/consumer/index.ts";
import { OUTCOMES } from "../../src/delivery/verdict.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { deliveryReport, eventOf } from "../support/report.ts";
import { valid } from "../support/schema.ts";

type Schema = Readonly<Record<string, unknown>>;
const read = (path: string): Schema => JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8")) as Schema;

/** Where the new schema breaks a promise of the old one: a path each. Properties and values may be added. */
function broken(before: unknown, now: unknown, path = ""): readonly string[] {
  if (Array.isArray(before) && Array.isArray(now)) {
    const name = path.split("/").at(-1);
    if (name === "enum" || name === "required" || name === "type") {
      return before.filter((value) => !now.includes(value)).map((value) => `${path}/${value}`);
    }
    return before.flatMap((part, index) => broken(part, now[index], `${path}/${index}`));
  }
  if (before !== null && typeof before === "object") {
    if (now === null || typeof now !== "object") return [path];
    return Object.entries(before)
      .filter(([name]) => name !== "description")
      .flatMap(([name, part]) => broken(part, (now as Schema)[name], `${path}/${name}`));
  }
  return Object.is(before, now) ? [] : [path];
}

const V1 = read("delivery-event.v1.schema.json");
const NOW = read("../../dist/delivery-event.schema.json");

test("nothing that version 1 promised has changed", () => {
  expect(broken(V1, NOW)).toEqual([]);
});

test("a field that is removed, retyped, made optional or loses a value is noticed; one that is added is not", () => {
  const changed = (change: (data: { properties: Record<string, Schema>; required: string[] }) => unknown) => {
    const copy = structuredClone(V1) as unknown as { properties: { data: Parameters<typeof change>[0] } };
    change(copy.properties.data);
    return broken(V1, copy).length;
  };
  expect(changed(({ properties }) => delete properties.rank)).toBeGreaterThan(0);
  expect(changed(({ required }) => required.pop())).toBe(1);
  expect(changed(({ properties }) => Object.assign(properties, { final: { type: "string" } }))).toBe(1);
  expect(changed(({ properties }) => Object.assign(properties.outcome ?? {}, { enum: ["delivered"] }))).toBeGreaterThan(
    5,
  );
  expect(changed(({ properties }) => Object.assign(properties, { further: { type: "string" } }))).toBe(0);
});

test("`mm4d fixtures` writes a valid event of every type, outcome and class of reason, the same each time", async () => {
  const directory = mkdtempSync(join(tmpdir(), "mm4d-fixtures-"));
  const { code, stderr } = await runCommandWithin(["fixtures", join(directory, "events")]);
  const files = readdirSync(join(directory, "events"));
  expect([code, stderr]).toEqual([0, `${files.length} events in ${join(directory, "events")}\n`]);
  const events = files.map((file) =>
    valid(JSON.parse(readFileSync(join(directory, "events", file), "utf8")) as DeliveryEvent),
  );
  const { stdout } = await runCommandWithin(["fixtures"]);
  const lines = stdout.trimEnd().split("\n");
  expect(new Set(lines)).toEqual(new Set(events.map((event) => JSON.stringify(event))));
  rmSync(directory, { recursive: true });

  const { entries, findCode } = createCatalogue();
  const seen = <T>(of: (event: DeliveryEvent) => T) => new Set(events.map(of));
  expect(seen(({ type }) => type)).toEqual(
    new Set(["mm4d.delivery-report.v1", "mm4d.forward-response.v1", "mm4d.read-report.v1"]),
  );
  expect(seen(({ data }) => data.outcome)).toEqual(new Set(OUTCOMES));
  expect(seen(({ data }) => data.disposition)).toEqual(new Set(["success", "failure", "pending", "unknown"]));
  const classes = seen(({ data }) => (data.reason === null ? "none" : findCode(data.reason.code).class));
  expect(classes).toEqual(new Set(["none", "out-of-range", ...entries.map((entry) => entry.class)]));
  expect(seen(({ data }) => data.reason?.tag)).toEqual(
    new Set([undefined, null, ...entries.flatMap(({ tag }) => tag ?? [])]),
  );
  for (const flag of ["final", "conflict"] as const)
    expect(seen(({ data }) => data[flag])).toEqual(new Set([true, false]));
  expect(seen(({ data }) => data.reason?.known)).toEqual(new Set([undefined, true, false]));
  expect(seen(({ data }) => data.reason?.catalogueVersion)).toEqual(
    new Set([undefined, createCatalogue().version, "none"]),
  );
});

test("however reports overtake each other, the order guard ends with the same one", () => {
  const report = (status: string, code?: string, minute = 0) =>
    eventOf(
      deliveryReport({
        "X-Mms-MM-Status-Code": status,
        "X-Internal-Status-Code": code,
        Date: `Fri, 02 Jan 2026 03:${String(minute).padStart(2, "0")}:00 +0000`,
      }),
    );
  const events = [
    report("Deferred"),
    report("Deferred", "2", 1),
    report("Forwarded", undefined, 2),
    report("Retrieved", "902", 3),
    report("Indeterminate", "902", 4),
    report("Rejected", "470", 5),
    report("Expired", undefined, 6),
    report("Retrieved", undefined, 7),
  ];
  const last = (order: readonly DeliveryEvent[]) =>
    order.reduce<DeliveryEvent | null>((held, next) => (shouldApply(held, next) ? next : held), null)?.id;
  const some = fc.shuffledSubarray(events, { minLength: 1 });
  fc.assert(
    fc.property(some, fc.array(fc.nat(7)), (order, twice) => {
      const inOrder = [...order].sort((a, b) => a.id.localeCompare(b.id));
      const again = twice.flatMap((index) => order[index] ?? []);
      expect(last([...order, ...again])).toBe(last(inOrder));
    }),
    { numRuns: 2_000 },
  );
  expect(events.find(({ id }) => id === last(events))?.data.outcome).toBe("delivered");
});
