/** What a balancer says before it passes a client's bytes on. */
import { isIPv6 } from "node:net";

export interface ProxyOptions {
  readonly version: 1 | 2;
  readonly address: string;
  readonly port?: number;
  /** Further bytes (TLVs) of version 2. */
  readonly extra?: Buffer;
}

export function proxyHeader({ version, address, port = 40_000, extra = Buffer.alloc(0) }: ProxyOptions): Buffer {
  const v6 = isIPv6(address);
  const here = v6 ? "2001:db8::1" : "192.0.2.1";
  if (version === 1) return Buffer.from(`PROXY TCP${v6 ? 6 : 4} ${address} ${here} ${port} 25\r\n`);
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(port, 0);
  ports.writeUInt16BE(25, 2);
  const told = Buffer.concat([bytesOf(address), bytesOf(here), ports, extra]);
  const head = Buffer.from("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\0", "latin1");
  if (v6) head[13] = 0x21;
  head.writeUInt16BE(told.byteLength, 14);
  return Buffer.concat([head, told]);
}

function bytesOf(address: string): Buffer {
  if (!isIPv6(address)) return Buffer.from(address.split(".").map(Number));
  const [before = "", after = ""] = address.split("::");
  const [front, back] = [before, after].map((part) => part.split(":").filter((group) => group !== ""));
  const middle = Array(8 - (front?.length ?? 0) - (back?.length ?? 0)).fill("0");
  return Buffer.from(
    [...(front ?? []), ...middle, ...(back ?? [])].map((group) => group.padStart(4, "0")).join(""),
    "hex",
  );
}
