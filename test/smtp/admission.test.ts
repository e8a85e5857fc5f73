/** Which recipients are ours, how many connections a peer may have, and what a session may go on under. */
import { expect, test } from "vitest";
import { BOUNDS } from "../../src/bounds/bounds.ts";
import { readPeers } from "../../src/settings/peers.ts";
import { connectionsOf, isOurs, rightsOf, shownName } from "../../src/smtp/admission.ts";
import type { Peer } from "../../src/smtp/peer.ts";

function peerWith(more: object): Peer {
  const read = readPeers({ peers: [{ name: "carrier", addresses: ["192.0.2.1"], ...more }] }, () => "");
  if (!read.ok) throw new Error(read.error.join());
  const [peer] = read.value;
  if (!peer) throw new Error("It is there");
  return peer;
}

test.each<[string, readonly string[], boolean]>([
  ["+12025550100/TYPE=PLMN@mms.example.net", [], true],
  ["+12025550100/TYPE=PLMN@mms.example.net", ["mms.example.net"], true],
  ["+12025550100/TYPE=PLMN@MMS.example.net.", ["mms.example.net"], true],
  ["+12025550100/TYPE=PLMN@elsewhere.example", ["mms.example.net"], false],
  ["system-user@[192.0.2.9]", ["mms.example.net"], true],
  ["system-user", ["mms.example.net"], true],
  ["user%elsewhere.example", ["mms.example.net"], false],
  ["elsewhere.example!user", [], false],
])("whether %s is ours, where the domains are %j: %s", (address, domains, ours) => {
  expect(isOurs(address, new Set(domains), ["[192.0.2.9]"])).toBe(ours);
});

test("a peer has a share of all connections, at least one, unless its entry says how many", () => {
  const limits = { clients: 1_000, clientsPerPeer: 10_000 };
  const share = Math.floor(1_000 * BOUNDS.connectionsShare.value);
  const peer = peerWith({});
  expect(connectionsOf(peer, limits)).toBe(share);
  expect(connectionsOf(peer, { ...limits, clientsPerPeer: 3 })).toBe(3);
  expect(connectionsOf(peer, { ...limits, clients: 1 })).toBe(1);
  expect(connectionsOf({ ...peer, listed: false }, limits)).toBe(10_000);
  expect(connectionsOf({ ...peer, limits: { ...peer.limits, connections: 2_000 } }, limits)).toBe(2_000);
});

test("a session may go on under an entry that differs in anything but who the peer is and how it proves that", () => {
  const peer = peerWith({});
  expect(rightsOf({ ...peer, bareNewlines: !peer.bareNewlines, mailFromDomains: ["example.net"] })).toBe(
    rightsOf(peer),
  );
  expect(rightsOf({ ...peer, name: "another" })).not.toBe(rightsOf(peer));
  expect(rightsOf({ ...peer, tls: "required" })).not.toBe(rightsOf({ ...peer, tls: "optional" }));
  expect(rightsOf(undefined)).not.toBe(rightsOf(peer));
});

test("the name that a client greets with is cut, and none is null", () => {
  expect(shownName("x".repeat(BOUNDS.heloLength.value + 1))).toBe("x".repeat(BOUNDS.heloLength.value));
  expect([shownName(false), shownName("")]).toEqual([null, null]);
});
