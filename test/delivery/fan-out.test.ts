import { expect, test } from "vitest";
import { readFanOut, wants } from "../../src/delivery/fan-out.ts";
import { deliveryReport, eventOf } from "../support/report.ts";

const delivered = eventOf(deliveryReport());
const spam = eventOf(deliveryReport({ "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": "470" }));
const deferred = eventOf(deliveryReport({ "X-Mms-MM-Status-Code": "Deferred" }));
const events = { delivered, spam, deferred };

test.each([
  ["all:*", ["delivered", "spam", "deferred"]],
  ["billing:final", ["delivered", "spam"]],
  ["open:final=no", ["deferred"]],
  ["fraud:tag=spam", ["spam"]],
  ["fraud:tag=spam|opt-out", ["spam"]],
  ["untagged:tag=none&final", ["delivered"]],
  ["some:outcome=delivered|deferred", ["delivered", "deferred"]],
  ["bad:disposition=failure&peer=carrier&type=delivery-report&code=470", ["spam"]],
  ["nobody:peer=other", []],
])("%s is given %j", (text, names) => {
  const fanOut = readFanOut(text);
  if (!fanOut) throw new Error(`Not read: ${text}`);
  expect(fanOut.queue).toBe(text.split(":")[0]);
  expect(Object.entries(events).flatMap(([name, event]) => (wants(fanOut, event) ? [name] : []))).toEqual(names);
});

test.each([
  "",
  "billing",
  "billing:",
  ":final",
  "a b:final",
  "billing:tag",
  "billing:tag=",
  "billing:tag=a|",
  "billing:colour=red",
  "billing:final&",
  "a:b:c",
  "x:constructor=1",
])("%j is no further queue", (text) => {
  expect(readFanOut(text)).toBeUndefined();
});
