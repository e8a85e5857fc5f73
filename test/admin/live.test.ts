/** The stream of what is live: what many pages show is found once, and what cannot be found ends no stream. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import { afterEach, expect, test, vi } from "vitest";
import { type LiveOptions, livePage, type Part } from "../../src/admin/live.ts";
import type { PageEnv } from "../../src/admin/login.ts";
import type { Operator } from "../../src/admin/operator.ts";
import { rememberingFor } from "../../src/admin/remembering.ts";
import { BOUNDS } from "../../src/bounds/bounds.ts";
import { EVERY_REPORT } from "../../src/views/filter.ts";
import { eventually } from "../support/redis.ts";

const SHARED_MS = 1_500;
let server: ReturnType<typeof createAdaptorServer>;
let ends: AbortController;
afterEach(() => {
  ends.abort();
  server.close();
});

/** Serves the stream, and opens it: gives all that has come so far, and when it has ended. */
async function serveLive(
  parts: Readonly<Record<string, Part>>,
  operatorOf: (name: string) => Operator,
  follow: LiveOptions["follow"] = () => () => {},
) {
  const app = new Hono<PageEnv>();
  app.use((c, next) => {
    c.set("operator", operatorOf(c.req.query("who") ?? ""));
    return next();
  });
  const live = livePage({
    login: { mayStillLook: async () => true },
    glance: async () => ({ state: "well", quarantined: 0 }),
    parts,
    follow,
    rowsLive: () => ({ filter: EVERY_REPORT, shown: () => ({ html: "", jobs: {} }) }),
  });
  app.route("/", live);
  ends = new AbortController();
  server = createAdaptorServer(app);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return (query: string) => {
    let came = "";
    const ended = (async () => {
      const { body } = await fetch(`http://127.0.0.1:${port}/live?${query}`, { signal: ends.signal });
      for await (const some of body ?? []) came += Buffer.from(some).toString();
    })().catch(() => {}); // It is ended at the end of the test.
    return Object.assign(() => came, { ended });
  };
}

const OPERATOR: Operator = { loggedIn: true, numbers: "masked" };

test("however many pages are open, a part that they share is found once in a while; who sees something else gets that", async () => {
  const asked: string[] = [];
  const part: Part = async (of, { loggedIn, numbers }) => {
    asked.push(`${of} ${loggedIn} ${numbers}`);
    return `<p>${of} ${loggedIn} ${numbers} ${asked.length}</p>`;
  };
  const open = await serveLive({ part }, (who) => (who === "full" ? { ...OPERATOR, numbers: "full" } : OPERATOR));
  const began = performance.now();
  const same = Array.from({ length: 20 }, () => open("parts=part,part,unknown,toString&of=/peers/a%20b"));
  const others = [open("parts=part&of=/peers/second"), open("parts=part&of=/peers/a%20b&who=full")];
  for (const came of [...same, ...others]) await eventually(came, (text) => text.includes("event: part"));
  // Each goes on to be live.
  await eventually(same[0] ?? (() => ""), (text) => (text.match(/event: part/g)?.length ?? 0) >= 3);
  const most = Math.ceil((performance.now() - began) / SHARED_MS) + 1;
  const times = (what: string) => asked.filter((one) => one === what).length;
  expect(times("/peers/a b true masked")).toBeLessThanOrEqual(most);
  expect(times("/peers/second true masked")).toBeLessThanOrEqual(most);
  expect(new Set(asked)).toEqual(
    new Set(["/peers/a b true masked", "/peers/second true masked", "/peers/a b true full"]),
  );
  expect(others[1]?.()).toContain("/peers/a b true full");
  expect(same[0]?.()).not.toMatch(/event: (unknown|toString)/);
});

test("a page is shown nothing that was found before it was made", async () => {
  let found = 0;
  const part: Part = async () => {
    found += 1;
    return `<p>found ${found}</p>`;
  };
  const open = await serveLive({ part }, () => OPERATOR);
  await eventually(open("parts=part"), (text) => text.includes("found 1"));
  const later = open(`parts=part&at=${Date.now()}`);
  await eventually(later, (text) => text.includes("event: part"));
  expect(later()).not.toContain("found 1<");
});

test("a page that says it was made later than now has its parts found anew once, and then shares them", async () => {
  let found = 0;
  const part: Part = async () => {
    found += 1;
    return `<p>found ${found}</p>`;
  };
  const open = await serveLive({ part }, () => OPERATOR);
  const began = performance.now();
  const pages = Array.from({ length: 20 }, () => open(`parts=part&at=${Date.now() + 86_400_000}`));
  for (const came of pages) await eventually(came, (text) => (text.match(/event: part/g)?.length ?? 0) >= 3);
  const shared = Math.ceil((performance.now() - began) / SHARED_MS) + 1;
  expect(found).toBeLessThanOrEqual(pages.length + shared);
});

test("rows that cannot be shown end their stream, and leave its place to another", async () => {
  const told = vi.spyOn(console, "error").mockImplementation(() => {}); // Hono tells there why a stream has ended.
  const open = await serveLive(
    { part: async () => "<p>found</p>" },
    () => OPERATOR,
    () => {
      throw new Error("cannot be shown");
    },
  );
  const most = BOUNDS.httpStreams.value;
  for (let count = 0; count < most; count += 1) await open("rows=").ended;
  expect(told).toHaveBeenCalledTimes(most);
  await eventually(open("parts=part"), (text) => text.includes("event: part"));
  told.mockRestore();
});

test("a part that cannot be found, or not soon, leaves the others and the title live", async () => {
  let times = 0;
  const parts = {
    failing: async () => {
      throw new Error("Redis does not answer");
    },
    hanging: () => new Promise<string>(() => {}),
    async well() {
      times += 1;
      return `<p>${times}</p>`;
    },
  };
  const open = await serveLive(parts, () => OPERATOR);
  const came = open("parts=failing,hanging,well");
  await eventually(came, (text) => (text.match(/event: well/g)?.length ?? 0) >= 2);
  expect(came()).toContain("event: title");
  expect(came()).not.toMatch(/event: (failing|hanging)/);
});

test("an answer is as old as who asks takes it, never older than another has seen, and a failure is not kept", async () => {
  let found = 0;
  const ask = rememberingFor(async (what: string) => {
    found += 1;
    if (what === "wrong") throw new Error(`failure ${found}`);
    return found;
  });
  expect(await ask(60_000, "x")).toBe(1);
  expect(await ask(60_000, "x")).toBe(1);
  expect(await ask(0, "x")).toBe(2);
  expect(await ask(60_000, "x")).toBe(2);
  expect(await ask(60_000, "y")).toBe(3);
  await expect(ask(60_000, "wrong")).rejects.toThrow("failure 4");
  await expect(ask(60_000, "wrong")).rejects.toThrow("failure 5");
});

test("of what anybody may ask for so many answers are kept, and what was found longest ago is forgotten", async () => {
  const found: string[] = [];
  const ask = rememberingFor(async (what: string) => found.push(what));
  const most = BOUNDS.answersKept.value;
  const names = Array.from({ length: most }, (_, index) => `n${index}`);
  for (const name of names) await ask(10_000, name);
  // Found again, it is the newest.
  await ask(0, "n0");
  await ask(10_000, "one more");
  expect(found).toEqual([...names, "n0", "one more"]);
  await ask(Number.POSITIVE_INFINITY, "n0");
  expect(found).toHaveLength(most + 2);
  await ask(Number.POSITIVE_INFINITY, "n1");
  expect(found.at(-1)).toBe("n1");
});
