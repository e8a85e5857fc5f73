import fc from "fast-check";
import { expect, test } from "vitest";
import { readProxyHeader } from "../../src/smtp/proxy-header.ts";
import { proxyHeader } from "../support/proxy-header.ts";

const text = (line: string) => Buffer.from(line, "latin1");
const V2 = proxyHeader({ version: 2, address: "192.0.2.7", port: 5000 });

test.each([
  [
    "PROXY TCP4 192.0.2.7 192.0.2.1 5000 25\r\n",
    { kind: "client", address: "192.0.2.7", port: 5000, to: "192.0.2.1", bytes: 40 },
  ],
  ["PROXY TCP6 2001:db8::7 2001:db8::1 5000 25\r\n", { kind: "client", address: "2001:db8::7", port: 5000, bytes: 44 }],
  ["PROXY TCP4 192.0.2.7 192.0.2.1 5000 25\r\nEHLO x\r\n", { kind: "client", bytes: 40 }],
  ["PROXY UNKNOWN\r\n", { kind: "itself", bytes: 15 }],
  ["PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", { kind: "itself", bytes: 35 }],
  ["", { kind: "incomplete" }],
  ["PRO", { kind: "incomplete" }],
  ["PROXY TCP4 192.0.2.7", { kind: "incomplete" }],
  ["EHLO relay.example\r\n", { kind: "malformed" }],
  ["PROXY TCP4 192.0.2.7 192.0.2.1 5000 25\n", { kind: "malformed" }],
  ["PROXY TCP4 192.0.2.7 192.0.2.1 5000\r\n", { kind: "malformed" }],
  ["PROXY TCP4 2001:db8::7 192.0.2.1 5000 25\r\n", { kind: "malformed" }],
  ["PROXY TCP4 192.0.2.777 192.0.2.1 5000 25\r\n", { kind: "malformed" }],
  ["PROXY TCP4 192.0.2.7 192.0.2.1 99999 25\r\n", { kind: "malformed" }],
  ["PROXY TCP4 192.0.2.7  192.0.2.1 5000 25\r\n", { kind: "malformed" }],
  ["PROXY UDP4 192.0.2.7 192.0.2.1 5000 25\r\n", { kind: "malformed" }],
  ["proxy tcp4 192.0.2.7 192.0.2.1 5000 25\r\n", { kind: "malformed" }],
  [`PROXY UNKNOWN ${"x".repeat(200)}`, { kind: "malformed" }],
])("readProxyHeader() reads version 1: %j", (line, expected) => {
  expect(readProxyHeader(text(line))).toMatchObject(expected);
});

test("readProxyHeader() reads version 2: client, IPv6, TLVs, the balancer itself, and what is none of them", () => {
  expect(readProxyHeader(V2)).toEqual({ kind: "client", address: "192.0.2.7", port: 5000, to: "192.0.2.1", bytes: 28 });
  const v6 = proxyHeader({ version: 2, address: "2001:db8::7", port: 5000, extra: Buffer.from("TLVs") });
  expect(readProxyHeader(v6)).toEqual({
    kind: "client",
    address: "2001:db8:0:0:0:0:0:7",
    port: 5000,
    to: "2001:db8:0:0:0:0:0:1",
    bytes: 56,
  });
  const mapped = proxyHeader({ version: 2, address: "::ffff:c000:207", port: 5000 });
  expect(readProxyHeader(mapped)).toMatchObject({ kind: "client", address: "192.0.2.7", port: 5000, bytes: 52 });

  const changed = (at: number, value: number) => {
    const header = Buffer.from(V2);
    header[at] = value;
    return readProxyHeader(header);
  };
  expect(changed(12, 0x20)).toEqual({ kind: "itself", bytes: 28 });
  expect(changed(13, 0x00)).toEqual({ kind: "itself", bytes: 28 });
  expect(changed(13, 0x12), "a datagram").toEqual({ kind: "malformed" });
  expect(changed(12, 0x22), "no command").toEqual({ kind: "malformed" });
  expect(changed(12, 0x11), "version 1 in the form of 2").toEqual({ kind: "malformed" });
  expect(changed(14, 0xff), "too long").toEqual({ kind: "malformed" });
  expect(changed(15, 4), "too short for two addresses").toEqual({ kind: "malformed" });
});

test("readProxyHeader() comes to the same whatever pieces the header arrives in, and reads nothing behind it", () => {
  for (const header of [V2, text("PROXY TCP4 192.0.2.7 192.0.2.1 5000 25\r\n")]) {
    for (let bytes = 0; bytes < header.byteLength; bytes++) {
      expect(readProxyHeader(header.subarray(0, bytes))).toEqual({ kind: "incomplete" });
    }
    fc.assert(
      fc.property(fc.uint8Array(), (behind) => {
        expect(readProxyHeader(Buffer.concat([header, behind]))).toEqual(readProxyHeader(header));
      }),
    );
  }
});

test("readProxyHeader() never asks for more than its longest header, and never throws", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 2_100, maxLength: 2_100 }), fc.boolean(), (bytes, signed) => {
      const received = Buffer.concat([signed ? V2.subarray(0, 12) : Buffer.alloc(0), bytes]);
      expect(readProxyHeader(received).kind).not.toBe("incomplete");
    }),
  );
});
