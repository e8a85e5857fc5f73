/**
 * The PROXY protocol, by which a balancer names the client whose connection it passes on.
 * Versions 1 (text) and 2 (binary). Pure.
 *
 * Source: the HAProxy project's proxy-protocol.txt, §2.1 and §2.2.
 */
import { isIP } from "node:net";

export type ProxyHeader =
  /** The header is longer than these bytes. */
  | { readonly kind: "incomplete" }
  | { readonly kind: "malformed" }
  /** The balancer speaks for itself, as in a health check, or does not know its client. */
  | { readonly kind: "itself"; readonly bytes: number }
  | {
      readonly kind: "client";
      readonly bytes: number;
      readonly address: string;
      readonly port: number;
      /** The balancer's address to which the client came. */
      readonly to: string;
    };

/** §2.1: "107 bytes are always enough", line end included. */
const MAX_V1_BYTES = 107;
/** §2.2: the signature, made so that no text protocol accepts it. */
const V2_SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
const V2_HEAD_BYTES = 16;
/** The addresses and further facts (TLVs): AWS's balancer adds some twenty bytes. */
const MAX_V2_BYTES = 2_048;

/** Reads the header that a connection begins with. Never reads further than its end. */
export function readProxyHeader(received: Buffer): ProxyHeader {
  const compared = Math.min(received.byteLength, V2_SIGNATURE.byteLength);
  if (received.subarray(0, compared).equals(V2_SIGNATURE.subarray(0, compared))) {
    return compared < V2_SIGNATURE.byteLength ? { kind: "incomplete" } : readVersion2(received);
  }
  return readVersion1(received);
}

function readVersion1(received: Buffer): ProxyHeader {
  const lineFeed = received.subarray(0, MAX_V1_BYTES).indexOf("\n");
  const line = received.subarray(0, lineFeed === -1 ? MAX_V1_BYTES : lineFeed + 1).toString("latin1");
  const begins = "PROXY ".startsWith(line.slice(0, 6));
  if (!begins) return { kind: "malformed" };
  if (lineFeed === -1) return { kind: received.byteLength < MAX_V1_BYTES ? "incomplete" : "malformed" };

  const bytes = lineFeed + 1;
  if (/^PROXY UNKNOWN(?: [\x20-\x7e]*)?\r\n$/.test(line)) return { kind: "itself", bytes };
  const [, family, address = "", to = "", port = "", toPort = ""] =
    /^PROXY TCP([46]) ([0-9a-f:.]+) ([0-9a-f:.]+) (\d{1,5}) (\d{1,5})\r\n$/i.exec(line) ?? [];
  const version = Number(family);
  const valid = isIP(address) === version && isIP(to) === version && Number(port) <= 65_535 && Number(toPort) <= 65_535;
  return valid ? { kind: "client", bytes, address, port: Number(port), to } : { kind: "malformed" };
}

function readVersion2(received: Buffer): ProxyHeader {
  if (received.byteLength < V2_HEAD_BYTES) return { kind: "incomplete" };
  const command = received[12] ?? 0;
  const family = received[13] ?? 0;
  const bytes = V2_HEAD_BYTES + received.readUInt16BE(14);
  if (command !== LOCAL && command !== PROXY) return { kind: "malformed" };
  if (bytes > MAX_V2_BYTES) return { kind: "malformed" };
  if (received.byteLength < bytes) return { kind: "incomplete" };
  if (command === LOCAL || family === UNSPECIFIED) return { kind: "itself", bytes };

  const told = received.subarray(V2_HEAD_BYTES, bytes);
  if (family === TCP_OVER_IPV4 && told.byteLength >= 12) {
    const [address, to] = [told.subarray(0, 4).join("."), told.subarray(4, 8).join(".")];
    return { kind: "client", bytes, address, port: told.readUInt16BE(8), to };
  }
  if (family === TCP_OVER_IPV6 && told.byteLength >= 36) {
    const [address, to] = [told.subarray(0, 16), told.subarray(16, 32)].map(textOfIpv6) as [string, string];
    return { kind: "client", bytes, address, port: told.readUInt16BE(32), to };
  }
  return { kind: "malformed" };
}

function textOfIpv6(bytes: Buffer): string {
  if (bytes.subarray(0, 12).equals(V4_MAPPED)) return bytes.subarray(12).join(".");
  return Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16)).join(":");
}

const LOCAL = 0x20;
const PROXY = 0x21;
const UNSPECIFIED = 0x00;
const TCP_OVER_IPV4 = 0x11;
const TCP_OVER_IPV6 = 0x21;
/** A balancer that listens on "::" names an IPv4 client as ::ffff:192.0.2.1. RFC 4291 §2.5.5.2. */
const V4_MAPPED = Buffer.from("00000000000000000000ffff", "hex");
