/** A message as the journal keeps it, for tests that need no listener. */
import type { MessageRules, SaidMessage } from "../../src/delivery/accepted.ts";
import { ORDINARY_PEER } from "../../src/delivery/peer-rules.ts";
import type { SaidRecord } from "../../src/journal/record.ts";
import { PEER } from "./report.ts";

const ENTRY: MessageRules = { rules: ORDINARY_PEER, acknowledge: { mode: "off", host: null, to: null } };

/** All of it is kept, unless `replaced` says otherwise. */
export function saidMessage(bytes: Uint8Array, replaced: Partial<SaidMessage> = {}): SaidMessage {
  return {
    sessionId: "s1",
    peer: PEER,
    entry: ENTRY,
    mailFrom: "system-user@mmsc.example.net",
    receivedAt: "2026-01-02T03:04:05.678Z",
    recognised: "report",
    bytes: bytes.byteLength,
    said: Buffer.from(bytes).toString("latin1"),
    ...replaced,
  };
}

export function saidRecord(id: string, bytes: Uint8Array, replaced: Partial<SaidMessage> = {}): SaidRecord {
  return { id, kind: "message", message: saidMessage(bytes, replaced) };
}
