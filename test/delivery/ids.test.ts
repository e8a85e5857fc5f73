/**
 * No message that 1.0.0 made an event of has another id now: a report that comes
 * to an old and to a new replica is one event. `ids-of-1.0.0.json` is what
 * 1.0.0 said of test/messages/; it is never written again.
 */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { PeerRules } from "../../src/delivery/peer-rules.ts";
import { eventOf } from "../support/report.ts";

const IDS_OF_1_0_0 = JSON.parse(readFileSync(new URL("ids-of-1.0.0.json", import.meta.url), "utf8")) as Readonly<
  Record<string, string>
>;

/** What 1.0.0 read wrongly. docs/upgrading.md tells of each kind. */
const READ_OTHERWISE = [
  // 5999 is Bandwidth's own fault, 9999 a carrier's: two facts.
  "code-5999",
];

test.each(Object.keys(IDS_OF_1_0_0))("%s.eml has the id that it had", (name) => {
  const file = (end: string) => readFileSync(new URL(`../messages/${name}.${end}`, import.meta.url));
  const { rules } = JSON.parse(file("json").toString()) as { rules?: Partial<PeerRules> };
  const { id } = eventOf(file("eml"), rules);
  if (READ_OTHERWISE.includes(name)) expect(id).not.toBe(IDS_OF_1_0_0[name]);
  else expect(id).toBe(IDS_OF_1_0_0[name]);
});
