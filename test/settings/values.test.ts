import { expect, test } from "vitest";
import { faults, load } from "../support/load-settings.ts";

test("a name with the dot of the root is the name without it, and an address of ours may stand among the domains", () => {
  const { config } = load({
    MM4D_DOMAIN: "MMS.Example.NET., [127.0.0.1],192.0.2.1, [IPv6:2001:DB8::1]",
    MM4D_HOSTNAME: "MM4.Example.NET.",
    MM4D_SYSTEM_ADDRESS: "system-user@mms.example.net.",
  });
  expect([config.domain, config.hostname, config.systemAddress]).toEqual([
    ["mms.example.net", "[127.0.0.1]", "192.0.2.1", "[ipv6:2001:db8::1]"],
    "MM4.Example.NET",
    "system-user@mms.example.net",
  ]);
  for (const domain of [".", "mms.example.net..", "[127.0.0]", "[IPv6:127.0.0.1x]", "[]", "mms.example.net,"]) {
    expect(faults({ MM4D_DOMAIN: domain })).toEqual([expect.stringContaining("must be host names or addresses")]);
  }
});

test("peers are read with their networks, and a faulty list is a fault", () => {
  expect(load({ MM4D_PEERS: "a=192.0.2.0/24,2001:db8::/32; b=198.51.100.7" }).config.peers).toEqual([
    {
      name: "a",
      networks: [
        { address: "192.0.2.0", prefix: 24, family: "ipv4" },
        { address: "2001:db8::", prefix: 32, family: "ipv6" },
      ],
    },
    { name: "b", networks: [{ address: "198.51.100.7", prefix: 32, family: "ipv4" }] },
  ]);
  for (const peers of [
    "a",
    "a=",
    "a=x",
    "a=192.0.2.0/33",
    "a=192.0.2.1; a=192.0.2.2",
    "loopback=127.0.0.1",
    "=192.0.2.1",
  ]) {
    expect([peers, faults({ MM4D_PEERS: peers }).length]).toEqual([peers, 1]);
  }
});
