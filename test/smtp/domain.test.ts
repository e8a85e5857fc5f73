import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalDomain } from "../../src/smtp/domain.ts";
import { peerAt, startTestListener } from "../support/listener.ts";
import { proxyHeader } from "../support/proxy-header.ts";
import { connectSmtp } from "../support/smtp-client.ts";

test.each([
  ["MMS.Example.NET.", "mms.example.net"],
  ["mms.exämple.net", "mms.xn--exmple-cua.net"],
  ["[192.0.2.1]", "[192.0.2.1]"],
  ["192.0.2.1", "[192.0.2.1]"],
  ["[IPv6:2001:DB8:0:0::1]", "[2001:db8::1]"],
  ["[2001:db8::1]", "[2001:db8::1]"],
  ["[IPv6:::FFFF:127.0.0.1]", "[127.0.0.1]"],
  ["::ffff:127.0.0.1", "[127.0.0.1]"],
  ["fe80::1%eth0", "[fe80::1]"],
  ["[192.0.2]", "[192.0.2]"],
  ["[IPv6:192.0.2.999]", "[ipv6:192.0.2.999]"],
  ["", ""],
])("canonicalDomain(): %s is %s", (written, canonical) => expect(canonicalDomain(written)).toBe(canonical));

test("canonicalDomain() leaves a name as it is only where spelling it out changes nothing", () => {
  const piece = fc.constantFrom(
    "a",
    "Z",
    "0",
    "9",
    "f",
    "x",
    "xn--",
    "0x",
    ".",
    "-",
    "_",
    "ä",
    "mms",
    "127",
    "example",
  );
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 8 }), (pieces) => {
      const name = pieces.join("").replace(/\.+$/, "");
      // With a dot at its end, which is left out, no name is taken for one that needs nothing.
      expect(canonicalDomain(name)).toBe(canonicalDomain(`${name}.`));
    }),
    { numRuns: 20_000 },
  );
});

const OTHER = "550 5.7.1 This server takes mail for its own domains only";

/** The codes that recipients at these domains get. */
async function recipients(port: number, domains: readonly string[], header: Uint8Array | string = "") {
  const client = connectSmtp(port);
  client.write(header);
  await client.reply();
  await client.command("EHLO gw.example");
  await client.command("MAIL FROM:<>");
  const replies: string[] = [];
  for (const domain of domains) replies.push(await client.command(`RCPT TO:<+12025550199/TYPE=PLMN@${domain}>`));
  const postmaster = await client.command("RCPT TO:<postmaster>");
  client.end();
  return [...replies.map((reply) => (reply === OTHER ? "other" : reply.slice(0, 3))), postmaster.slice(0, 3)];
}

test("the address of ours that a client is connected to stands for its literal; no other does", async () => {
  const listener = await startTestListener({ domains: ["mms.example.net", "[IPv6:2001:DB8::25]"] });
  const said = await recipients(listener.port, [
    "[127.0.0.1]",
    "127.0.0.1",
    "[IPv6:::ffff:127.0.0.1]",
    "MMS.Example.NET.",
    "[ipv6:2001:db8:0::25]",
    "[127.0.0.2]",
    "[IPv6:::1]",
    "[192.0.2.1]",
  ]);
  expect(said).toEqual(["250", "250", "250", "250", "250", "other", "other", "other", "250"]);
  expect(listener.refusals.map(({ detail }) => detail)).toEqual(["[127.0.0.2]", "[::1]", "[192.0.2.1]"]);
  await listener.stop(0);
});

test.each([
  { version: 1, client: "192.0.2.7", ours: "[192.0.2.1]" },
  { version: 2, client: "192.0.2.7", ours: "[192.0.2.1]" },
  { version: 1, client: "2001:db8::7", ours: "[IPv6:2001:db8::1]" },
  { version: 2, client: "2001:db8::7", ours: "[IPv6:2001:DB8:0:0:0:0:0:1]" },
] as const)(
  "behind a balancer, of $version: so does the address that its header says the client came to: $ours",
  async ({ version, client, ours }) => {
    const listener = await startTestListener({
      domains: ["mms.example.net"],
      peers: [peerAt("carrier", client)],
      proxies: ["127.0.0.1"],
    });
    const header = proxyHeader({ version, address: client });
    expect(await recipients(listener.port, [ours, "[192.0.2.99]"], header)).toEqual(["250", "other", "250"]);
    await listener.stop(0);
  },
);
