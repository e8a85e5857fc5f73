import type { MessagePeer, ReceivedMessage } from "../../src/delivery/accepted.ts";
import { ORDINARY_PEER } from "../../src/delivery/peer-rules.ts";
import { type AcceptOptions, createAccept } from "../../src/flow/accept.ts";
import type { Observer, Recorder, Reply } from "../../src/flow/observer.ts";
import { createTurns } from "../../src/flow/turns.ts";
import type { JournalRecord } from "../../src/journal/record.ts";
import { tellEach } from "../../src/monitoring/observers.ts";
import { replyTo } from "../../src/smtp/reply-to.ts";
import { ACKNOWLEDGING, READING, ROOM, readRecords } from "./drain.ts";
import { PEER } from "./report.ts";

/** The peer of `support/report.ts`, whose messages are acknowledged when they ask. */
export const MESSAGE_PEER: MessagePeer = {
  identity: PEER,
  entry: { rules: ORDINARY_PEER, acknowledge: { mode: "auto", host: "mmsc.example", to: null } },
};

export function receivedFrom(bytes: Uint8Array, mailFrom = "system-user@mmsc.example"): ReceivedMessage {
  return { sessionId: "s1", peer: MESSAGE_PEER, mailFrom, bytes, receivedAt: new Date("2026-01-02T03:04:05.678Z") };
}

/** The first half of the flow with rooms that have room, and records in a list. */
export function acceptInto(
  stored: JournalRecord[],
  {
    observer = {},
    ...options
  }: Partial<Omit<AcceptOptions<Reply>, "observer">> & { readonly observer?: Recorder } = {},
) {
  return createAccept<Reply>({
    reading: () => READING,
    systemAddress: ACKNOWLEDGING.systemAddress,
    turns: createTurns(Number.POSITIVE_INFINITY),
    store: { journal: { append: async (record) => void stored.push(record) } },
    rooms: { quarantine: ROOM, bounces: ROOM, aside: { has: () => true } },
    recordId: () => `j${stored.length}`,
    read: readRecords,
    replyTo,
    observer: tellEach([observer], (cause) => {
      throw cause;
    }),
    ...options,
  });
}

/** All that an observer is told, by method. */
export function listening(told: string[], name = ""): Observer {
  return {
    accepted: (messages) => void told.push(`${name}accepted ${messages.map(({ recognised }) => recognised).join()}`),
    refused: (messages) => void told.push(`${name}refused ${messages.map(({ refused }) => refused.kind).join()}`),
    answered: (answers) =>
      void told.push(`${name}answered ${answers.map(({ reply, handed }) => `${reply.code} ${handed}`).join()}`),
    became: (fates) => void told.push(`${name}became ${fates.map(({ kind }) => kind).join()}`),
  };
}
