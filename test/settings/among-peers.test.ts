/** What entries have in common is found however it is written, and of ten thousand peers as fast as of a few. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { faultsAmongPeers, repeatedNetworks } from "../../src/settings/among-peers.ts";
import { readPeers, rulesOf } from "../../src/settings/peers.ts";
import { createNetworks } from "../../src/smtp/access.ts";
import { type Network, readNetwork } from "../../src/smtp/network.ts";
import { faultOf, SHORTER } from "../support/linear.ts";

const IPV4 = ["0.0.0.0", "10.0.0.0", "192.0.2.1", "192.0.2.200", "255.255.255.255"];
const IPV6 = [
  "::",
  "::1",
  "1::",
  "2001:db8::",
  "2001:DB8:0::1",
  "1:2:3:4:5:6:7:8",
  "1:2:3:4:5:6:7::",
  "::2:3:4:5:6:7:8",
  "::192.0.2.1",
  "64:ff9b::192.0.2.1",
  "0:0:0:0:0:ffff:c000:201",
  "0:0:0:0:0:FFFF:192.0.2.1",
];
const ofLengths = (addresses: readonly string[], lengths: readonly number[]) =>
  fc.tuple(fc.constantFrom(...addresses), fc.constantFrom(...lengths)).map((parts) => parts.join("/"));
const written = fc.oneof(
  ofLengths(IPV4, [0, 8, 13, 24, 31, 32]),
  ofLengths(IPV6, [0, 8, 13, 24, 32, 33, 64, 96, 120, 127, 128]),
);

test("a network is the one of an earlier place when it is as long and a client of its address comes from there, too", () => {
  let found = 0;
  fc.assert(
    fc.property(fc.array(written, { maxLength: 12 }), (texts) => {
      const places = texts.map((text, place) => ({ name: `place ${place}`, network: readNetwork(text) as Network }));
      const expected = places.flatMap(({ name, network: { address, prefix } }, place) => {
        const same = places
          .slice(0, place)
          .find(({ network }) => network.prefix === prefix && createNetworks([network])(address));
        return same ? [`${name} is "${address}/${prefix}" as ${same.name} is, must be in one place`] : [];
      });
      found += expected.length;
      expect(repeatedNetworks(places)).toEqual(expected);
    }),
    { numRuns: 500 },
  );
  expect(found).toBeGreaterThan(100);
});

test("what many peers have in common is found in time that grows no faster than their file", async () => {
  const of = (peers: number) => {
    const json = { peers: Array.from({ length: peers }, (_, number) => peerOf(number)) };
    return { size: JSON.stringify(json).length, work: () => faultsAmongPeers(json) };
  };
  expect(faultsAmongPeers({ peers: [...Array(300).keys(), 7].map(peerOf) })).toHaveLength(3);
  expect(await faultOf(of(1_600), () => of(1_600 / SHORTER), 1_500)).toBeNull();
});

test("the rules of one of many peers are found without a look at each, also of one that is not in force", () => {
  const read = readPeers({ peers: [...Array(1_000).keys()].map(peerOf) }, () => "");
  if (!read.ok) throw new Error(read.error.join());
  let looks = 0;
  const peers = new Proxy(read.value, {
    get(list, name) {
      looks += 1;
      return Reflect.get(list, name, list);
    },
  });
  expect(rulesOf(peers, "peer-0")).toMatchObject({ catalogue: "bandwidth", swapAddresses: false });
  const before = looks;
  for (let row = 0; row < 100; row += 1) {
    expect(rulesOf(peers, "peer-999")).toMatchObject({ swapAddresses: true });
    expect(rulesOf(peers, "another")).toMatchObject({ swapAddresses: false });
  }
  expect(looks).toBe(before);
});

function peerOf(number: number) {
  const addresses = [`10.${number >> 8}.${number & 255}.0/24`, `2001:db8:${number.toString(16)}::/48`];
  return { name: `peer-${number}`, addresses, swapAddresses: number === 999 };
}
