import { scryptSync } from "node:crypto";
import { expect, test, vi } from "vitest";
import { createLogins } from "../../src/smtp/logins.ts";
import { hashPassword, readPasswordHash } from "../../src/smtp/password.ts";

async function known(user: string, password: string) {
  const hash = readPasswordHash(await hashPassword(password));
  if (!hash) throw new Error("A hash of ours should be read");
  return { user, password: hash };
}

type Known = Awaited<ReturnType<typeof known>>;

function cheap(user: string): Known {
  const salt = Buffer.from("sixteen bytes...");
  const [text, hash] = [salt, scryptSync("s3cret", salt, 32, { N: 2 ** 8 })].map((bytes) =>
    bytes.toString("base64").replace(/=+$/, ""),
  );
  const password = readPasswordHash(`$scrypt$ln=8,r=8,p=1$${text}$${hash}`);
  if (!password) throw new Error("It should be read");
  return { user, password };
}

/** As one of so many addresses that none has failed before. */
let addresses = 0;
const fresh = (): string => {
  addresses += 1;
  return `192.0.2.${addresses}`;
};

test("the right user and password, and nothing else, is right", async () => {
  const carrier = await known("carrier", "s3cret");
  const logins = createLogins();
  const check = (user: string, password: string) =>
    logins.check({ peer: "carrier", address: fresh(), user, password }, carrier);
  const tried = [
    ["carrier", "s3cret"],
    ["carrier", "S3cret"],
    ["other", "s3cret"],
    ["carrier", ""],
    ["carrier", "s3cret"],
  ] as const;
  expect(await Promise.all(tried.map(([user, password]) => check(user, password)))).toEqual([
    "right",
    "wrong",
    "wrong",
    "wrong",
    "right",
  ]);
});

test("each failure of an address is answered later than the one before, and until then nothing more is looked at", async () => {
  const carrier = await known("carrier", "s3cret");
  const logins = createLogins();
  const check = (password: string, address = "192.0.2.1") =>
    logins.check({ peer: "carrier", address, user: "carrier", password }, carrier);
  // The test moves the clock, because a slow machine may stand still for longer than a failure has to wait.
  vi.useFakeTimers({ toFake: ["setTimeout", "performance"] });
  try {
    for (const delayMs of [500, 1_000]) {
      let answered = false;
      const guess = check("guess").finally(() => {
        answered = true;
      });
      // It has been compared, in a thread of its own, when its answer waits for the clock.
      while (vi.getTimerCount() === 0) await turn();
      vi.advanceTimersByTime(delayMs - 1);
      // Hanging up and coming again does not help, not even with the right one.
      expect(await check("s3cret")).toBe("busy");
      await turn();
      expect(answered).toBe(false);
      vi.advanceTimersByTime(1);
      expect(await guess).toBe("wrong");
    }
    expect(await check("s3cret", "192.0.2.2")).toBe("right");
    // By now it is known, wherever it comes from.
    expect(await check("s3cret")).toBe("right");
  } finally {
    vi.useRealTimers();
  }
});

/** All that was ready has run. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("no more than two of an address wait to be compared, and a hundred of a peer; who was right before never waits", async () => {
  const carrier = await known("carrier", "s3cret");
  const logins = createLogins();
  const check = (password: string, address: string) =>
    logins.check({ peer: "carrier", address, user: "carrier", password }, carrier);
  expect(await check("s3cret", "192.0.2.1")).toBe("right");
  const [, , third] = [1, 2, 3].map((guess) => check(`guess ${guess}`, "192.0.2.1"));
  expect(await third).toBe("busy");
  const guesses = Array.from({ length: 99 }, (_, index) => check(`other ${index}`, `198.51.100.${index}`));
  expect(await guesses.at(-1)).toBe("busy");
  expect(await check("s3cret", "192.0.2.1")).toBe("right");
});

test("a peer whose addresses all guess keeps no other peer out, wherever that one comes from, and is looked at in turn itself", async () => {
  // Cheaper than ours: how long one takes is no matter here.
  const [guessed, other, third] = ["a", "b", "c"].map(cheap) as [Known, Known, Known];
  const logins = createLogins();
  const check = (peer: string, to: Known, password: string, address = fresh()) =>
    logins.check({ peer, address, user: to.user, password }, to);
  // Each from another address, until no more are let in.
  const guesses = Array.from({ length: 120 }, (_, index) => check("a", guessed, `guess ${index}`, `10.0.0.${index}`));
  // Twelve relays of another peer, none of which has logged in before, and one of a third.
  const right = Array.from({ length: 12 }, () => check("b", other, "s3cret"));
  expect(await check("c", third, "s3cret", "10.0.0.1")).toBe("right");
  expect(await Promise.all(right)).toEqual(Array(12).fill("right"));
  expect((await Promise.all(guesses)).filter((login) => login === "busy").length).toBe(20);
});

test("of one IPv6 network no more than two wait", async () => {
  const carrier = await known("carrier", "s3cret");
  const logins = createLogins();
  const check = (address: string, guess: number) =>
    logins.check({ peer: "carrier", address, user: "carrier", password: `guess ${guess}` }, carrier);
  const guesses = ["2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::3", "2001:db8:0:1::1"].map(check);
  expect(await Promise.all(guesses)).toEqual(["wrong", "wrong", "busy", "wrong"]);
});

test.each([
  ["one address", () => "192.0.2.1"],
  ["one IPv6 network", (relay: number) => `2001:db8::${relay}`],
  ["many networks", (relay: number) => `198.51.100.${relay}`],
])(
  "relays of %s that bring the right password at the same time all get in, at the first time too",
  async (_, addressOf) => {
    const carrier = cheap("carrier");
    const logins = createLogins();
    const check = (relay: number, password: string, to = carrier) =>
      logins.check({ peer: "carrier", address: addressOf(relay), user: "carrier", password }, to);
    const right = Array.from({ length: 200 }, (_, relay) => check(relay, "s3cret"));
    expect(new Set(await Promise.all(right))).toEqual(new Set(["right"]));
    // Peers that are read again have the same hash in another object.
    const again = structuredClone(carrier.password);
    const reread = {
      user: "carrier",
      password: { ...again, salt: Buffer.from(again.salt), hash: Buffer.from(again.hash) },
    };
    const guesses = [1, 2].map((guess) => check(1, `guess ${guess}`, reread));
    expect(await check(1, "s3cret", reread)).toBe("right");
    await Promise.all(guesses);
  },
);

test("a relay is not kept out by another one of its IPv6 network that has a wrong password, which is one guess however many bring it", async () => {
  const carrier = cheap("carrier");
  const logins = createLogins();
  const check = (address: string, password: string) =>
    logins.check({ peer: "carrier", address, user: "carrier", password }, carrier);
  const startedMs = performance.now();
  let waited = false;
  const stale = [1, 2, 3, 4, 5].map(() => check("2001:db8::1", "stale"));
  const all = Promise.all(stale).then((logins) => {
    waited = performance.now() - startedMs >= 490;
    return logins;
  });
  expect(await check("2001:db8::2", "s3cret")).toBe("right");
  expect(new Set(await all)).toEqual(new Set(["wrong"]));
  expect(waited).toBe(true);
});

test("a hash made elsewhere is understood: scrypt of RFC 7914's own vector", async () => {
  // RFC 7914 §12: scrypt("pleaseletmein", "SodiumChloride", 16384, 8, 1, 64).
  const derived = Buffer.from(
    "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887",
    "hex",
  );
  const text = `$scrypt$ln=14,r=8,p=1$${Buffer.from("SodiumChloride").toString("base64").replace(/=+$/, "")}$${derived.toString("base64").replace(/=+$/, "")}`;
  const password = readPasswordHash(text);
  if (!password) throw new Error("It should be read");
  const credentials = { peer: "carrier", address: "192.0.2.1", user: "carrier", password: "pleaseletmein" };
  expect(await createLogins().check(credentials, { user: "carrier", password })).toBe("right");
});
