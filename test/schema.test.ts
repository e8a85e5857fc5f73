import { expect, test } from "vitest";
import { EVENT_SCHEMA_ID } from "../src/delivery/event.ts";
import { deliveryReport, eventOf } from "./support/report.ts";
import { valid } from "./support/schema.ts";
import { runCommand } from "./support/service.ts";

test("`mm4d schema` prints the schema that events name", async () => {
  const { code, stdout } = await runCommand(["schema"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ $id: EVENT_SCHEMA_ID, type: "object" });
  expect(eventOf(deliveryReport()).dataschema).toBe(EVENT_SCHEMA_ID);
});

test("the schema refuses what is no event", () => {
  const event = eventOf(deliveryReport({ "X-Internal-Status-Code": "470" }));
  const wrong = [
    { ...event, id: "other" },
    { ...event, specversion: "2.0" },
    { ...event, time: "yesterday" },
    { ...event, data: { ...event.data, outcome: "lost" } },
    { ...event, data: { ...event.data, rank: 1.5 } },
    { ...event, data: { ...event.data, reason: { ...event.data.reason, code: "470" } } },
    { ...event, data: { ...event.data, peer: undefined } },
    { ...event, data: { ...event.data, extra: 1 } },
  ];
  for (const [index, one] of wrong.entries()) expect(() => valid(one), String(index)).toThrow("Not valid");
});
