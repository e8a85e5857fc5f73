/** How long an address must wait after failed logins, and which addresses share a count. */
import { expect, test } from "vitest";
import { BOUNDS } from "../../src/bounds/bounds.ts";
import { createFailures } from "../../src/smtp/failed-logins.ts";

test("of the addresses of one IPv6 network that failed all but some are one, because a client that has one has all", () => {
  const failures = createFailures();
  const own = BOUNDS.failedLoginsOfNetwork.value;
  const delays = Array.from({ length: own + 3 }, (_, index) => failures.add(`2001:db8::${index}`));
  expect(delays).toEqual([...Array(own + 1).fill(500), 1_000, 2_000]);
  expect([failures.isTooSoon("2001:db8::ffff"), failures.isTooSoon("2001:db8:0:1::ffff")]).toEqual([true, false]);
  expect([failures.add("2001:db8::0"), failures.add("2001:db8::fffe")]).toEqual([1_000, 4_000]);
});

test("the failures of an address are not those of another one in its IPv6 network", () => {
  const failures = createFailures();
  failures.add("2001:db8::1");
  expect([failures.delayOf("2001:db8::1"), failures.delayOf("2001:db8::2")]).toEqual([500, undefined]);
  expect(failures.isTooSoon("2001:db8::2")).toBe(false);
});

test("of too many addresses that failed the one that failed longest ago is forgotten, and no other", () => {
  const failures = createFailures();
  const [first, second] = ["192.0.2.1", "192.0.2.2"];
  expect([first, second, first].map(failures.add)).toEqual([500, 500, 1_000]);
  for (let other = 0; other < 999; other++) failures.add(`other ${other}`);
  // The first has failed again since.
  expect([failures.add(first), failures.add(second)]).toEqual([2_000, 500]);
});
