import { expect, test } from "vitest";
import { parsePeers } from "../../src/settings/peers-schema.ts";

const one = (more: object = {}) => ({ peers: [{ name: "carrier", addresses: ["192.0.2.0/24"], ...more }] });

/** What is wrong with a file of this content. */
function faults(json: unknown): readonly string[] {
  return parsePeers(json).faults;
}

test.each([
  [[], 'the whole is [], must be an object with "peers"'],
  [{}, "peers is missing, must be a list of peers"],
  [{ peers: [] }, "peers is [], must be a list of at least one peer"],
  [{ peers: [7] }, "peers[0] is 7, must be an object with at least name and addresses"],
  [{ ...one(), peer: [] }, "peer is unknown. Did you mean peers?"],
  [one({ tsl: "off" }), "peers[0].tsl is unknown. Did you mean tls?"],
  [one({ adresses: [] }), "peers[0].adresses is unknown. Did you mean addresses?"],
  [one({ whatever: 1 }), "peers[0].whatever is unknown, must be one of name, addresses, tls, "],
  [one({ limits: { conections: 1 } }), "peers[0].limits.conections is unknown. Did you mean connections?"],
  [one({ catalogue: 7 }), 'peers[0].catalogue is 7, must be "bandwidth", "none" or the path of a file with codes'],
  [one({ catalogue: "" }), 'peers[0].catalogue is "", must be "bandwidth", "none" or the path of a file with codes'],
  [one({ name: "a b" }), 'peers[0].name is "a b", must be a name of letters'],
  [one({ name: "loopback" }), 'peers[0].name is "loopback", must be a name of letters'],
  [one({ addresses: [] }), "peers[0].addresses is [], must be a list of at least one network"],
  [one({ addresses: ["192.0.2.1", "192.0.2.0/33"] }), 'peers[0].addresses[1] is "192.0.2.0/33", must be an IP address'],
  [one({ addresses: ["mmsc.example"] }), 'peers[0].addresses[0] is "mmsc.example", must be an IP address'],
  [one({ addresses: ["::ffff:192.0.2.0/120"] }), 'peers[0].addresses[0] is "::ffff:192.0.2.0/120", must be'],
  [one({ tls: "yes" }), 'peers[0].tls is "yes", must be one of "off", "optional", "required"'],
  [one({ nanp: "yes" }), 'peers[0].nanp is "yes", must be true or false'],
  [
    one({ internationalPrefixes: ["+00"] }),
    'peers[0].internationalPrefixes[0] is "+00", must be an international prefix, such as "00" or "011"',
  ],
  // The trunk prefix of a country would make another country's number of a national one.
  [
    one({ internationalPrefixes: ["0"] }),
    'peers[0].internationalPrefixes[0] is "0", must be an international prefix, such as "00" or "011"',
  ],
  [one({ internationalPrefixes: "00" }), 'peers[0].internationalPrefixes is "00", must be a list of prefixes'],
  [one({ limits: { connections: 0 } }), "peers[0].limits.connections is 0, must be null or a whole number from 1"],
  [one({ limits: { perSecond: 1 } }), "peers[0].limits.perSecond is unknown"],
  [one({ limits: { commands: 9 } }), "peers[0].limits.commands is 9, must be null or a whole number from 10"],
  [one({ mailFromDomains: ["@x"] }), 'peers[0].mailFromDomains[0] is "@x", must be a domain'],
  [one({ clientCertificate: {} }), "peers[0].clientCertificate is {}, must be an object with fingerprint or subject"],
  [
    one({ clientCertificate: { fingerprint: "AB" } }),
    'peers[0].clientCertificate.fingerprint is "AB", must be the SHA',
  ],
  [one({ acknowledge: { port: 0 } }), "peers[0].acknowledge.port is 0, must be a port from 1 to 65535"],
  [one({ acknowledge: { connections: 0 } }), "peers[0].acknowledge.connections is 0, must be a whole number from 1"],
  ...["x y", "", "mmsc..example", "-mmsc.example", "192.0.2", "192.0.2.256", "[::1]", "mmsc.example:25", "mmsc\n"].map(
    (host): [unknown, string] => [
      one({ acknowledge: { host } }),
      `peers[0].acknowledge.host is ${JSON.stringify(host)}, must be null, a host name or an IP address`,
    ],
  ),
  [one({ acknowledge: { to: "mmsc" } }), 'peers[0].acknowledge.to is "mmsc", must be null or an address, such as'],
  [one({ acknowledge: { to: "a@b.example\r\nX: y" } }), "peers[0].acknowledge.to is"],
  [
    one({ acknowledge: { auth: { user: "x", passwordFile: "p", withoutTls: "no" } } }),
    'peers[0].acknowledge.auth.withoutTls is "no", must be true or false',
  ],
  [one({ auth: { user: "x", passwordFile: "p", withoutTls: true } }), "peers[0].auth.withoutTls is unknown"],
  [one({ acknowledge: { mode: "on" } }), 'peers[0].acknowledge.mode is "on", must be one of "off", "auto", "always"'],
  [one({ auth: { user: "x" } }), "peers[0].auth.passwordFile is missing, must be the path of a file"],
])("a fault is told with where it is: %j", (json, expected) => {
  const told = faults(json);
  expect(told).toHaveLength(1);
  expect(told[0]).toContain(expected);
});

test("domains and addresses are the same in all their spellings", () => {
  const json = one({
    mailFromDomains: ["MMSC.Example.", "[IPv6:2001:DB8:0::1]", "192.0.2.1"],
    acknowledge: { to: "system-user@mmsc.example." },
  });
  const { entries, faults: none } = parsePeers(json);
  expect(none).toEqual([]);
  expect(entries[0]?.entry).toMatchObject({
    mailFromDomains: ["mmsc.example", "[2001:db8::1]", "[192.0.2.1]"],
    acknowledge: { to: "system-user@mmsc.example" },
  });
});

test.each(["mmsc", "MMSC.example.", "_mm4.mmsc-1.example", "192.0.2.1", "2001:db8::1", "fe80::1%eth0", null])(
  "acknowledgements may go to %s",
  (host) => {
    expect(faults(one({ acknowledge: { host } }))).toEqual([]);
  },
);

test("entries in order are given beside the faults of others, each with its place", () => {
  const { peers } = one();
  const { entries, faults: told } = parsePeers({ peers: [7, ...peers, { name: "x" }, ...peers] });
  expect(entries.map(({ entry, at }) => [entry.name, at])).toEqual([
    ["carrier", "peers[1]"],
    ["carrier", "peers[3]"],
  ]);
  expect(told).toHaveLength(2);
});

test("every fault is told at once, and a long value is cut", () => {
  expect(faults({ peers: [{ name: "", addresses: ["x".repeat(500)], tls: 1, nope: 1 }] })).toHaveLength(4);
  expect(faults(one({ addresses: ["x".repeat(500)] }))[0]?.length).toBeLessThan(200);
});
