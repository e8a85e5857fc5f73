import { expect, test } from "vitest";
import { readPeers } from "../../src/settings/peers.ts";
import { createAccess, createNetworks, networkOf } from "../../src/smtp/access.ts";

const nothing = (): string => "";

function peers(...entries: readonly object[]) {
  const read = readPeers({ peers: entries }, nothing);
  if (!read.ok) throw new Error(read.error.join("\n"));
  return read.value;
}

test("createAccess() lets the longest prefix win, and takes an IPv4 client of an IPv6 listener as IPv4", () => {
  const findPeer = createAccess(
    peers(
      { name: "wide", addresses: ["192.0.2.0/24"] },
      { name: "narrow", addresses: ["192.0.2.8/29", "2001:db8::/32"] },
      { name: "one", addresses: ["192.0.2.10", "2001:db8::1"] },
    ),
  );
  const names = (...addresses: readonly string[]) => addresses.map((address) => findPeer(address)?.name);
  expect(names("192.0.2.1", "192.0.2.9", "192.0.2.10", "::ffff:192.0.2.9")).toEqual([
    "wide",
    "narrow",
    "one",
    "narrow",
  ]);
  expect(names("2001:db8::2", "2001:DB8:0:0:0:0:0:1")).toEqual(["narrow", "one"]);
  expect(names("127.0.0.1", "198.51.100.1", "2001:db9::1", "", "no address")).toEqual(Array(5).fill(undefined));
});

test("networkOf() tells whole networks of IPv6, because a stranger has one", () => {
  expect(["192.0.2.1", "::ffff:192.0.2.1", "2001:db8:1:2:3:4:5:6", "2001:db8::1", "::1"].map(networkOf)).toEqual([
    "192.0.2.1",
    "192.0.2.1",
    "2001:db8:1:2::/64",
    "2001:db8:0:0::/64",
    "0:0:0:0::/64",
  ]);
});

test("createNetworks() of none contains nobody", () => {
  expect(createNetworks([])("127.0.0.1")).toBe(false);
});

test("createAccess() says the same again, and of more addresses than it remembers", () => {
  const findPeer = createAccess(
    peers({ name: "wide", addresses: ["10.0.0.0/8"] }, { name: "one", addresses: ["10.9.9.9"] }),
  );
  const addresses = Array.from({ length: 3_000 }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
  for (let round = 0; round < 2; round++) {
    expect(addresses.every((address) => findPeer(address)?.name === "wide")).toBe(true);
    expect(findPeer("10.9.9.9")?.name).toBe("one");
    expect(findPeer("192.0.2.1")).toBeUndefined();
  }
});
