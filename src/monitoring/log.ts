/**
 * The log: one JSON line per fact, with the same ids on every line about one
 * report. No free text at call sites, so every line is found by its `event`.
 *
 * Telephone numbers are masked here, where the fields are known, and not
 * scrubbed afterwards: all but their last four digits, also inside ids.
 */
import { createRequire } from "node:module";
import { type Logger, pino } from "pino";
import type { Acknowledgement } from "../delivery/acknowledgement.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import type { AcceptedMessage } from "../delivery/fate.ts";
import type { PeerIdentity } from "../delivery/peer.ts";
import type { QuarantinedMessage } from "../delivery/quarantined.ts";
import { beginningOf } from "../text/beginning.ts";
import { acknowledgementMask, type Mask, numberMask } from "../text/masking.ts";
import { visibleJson } from "../text/visible.ts";
import { openLogOutput } from "./log-output.ts";
import { reportLine } from "./report-line.ts";

export interface LogOptions {
  readonly level: string;
  readonly numbers: "masked" | "full";
  /** The number of the process that writes; null where there is one process only. */
  readonly process: number | null;
  /** Where lines go instead of stdout. */
  readonly to?: { write(line: string): void };
}

interface QuarantineUse {
  readonly messages: number;
  readonly bytes: number;
}

type Fields = Readonly<Record<string, unknown>>;

export interface Log {
  /** How many lines were lost so far, because they were not read or could not be written. */
  linesLost(): number;
  /** From now on lines of this severity and above are written. Gives the level before. */
  setLevel(level: string): string;
  serviceStarted(fields: Fields): void;
  serviceNote(note: string): void;
  serviceStopping(fields: Fields): void;
  serviceStopped(fields: Fields): void;
  serviceFailed(cause: Error): void;
  filesUsedUp(fields: Fields): void;
  settingsReloaded(fields: Fields): void;
  settingsNotReloaded(what: string, cause: Error): void;
  codesNotRead(cause: Error): void;
  sessionRefused(refusal: Fields): void;
  sessionFailed(cause: Error, client: { readonly address: string; readonly peer: string | null } | null): void;
  /** Nothing of it is read, so none of its numbers can be in the line. */
  messageAccepted(accepted: AcceptedMessage): void;
  /** `sessionId`: in which it came; null where that is not known any more. */
  reportPublished(sessionId: string | null, event: DeliveryEvent, jobId: string): void;
  reportDuplicate(sessionId: string | null, event: DeliveryEvent, firstJobId: string): void;
  reportConflict(event: DeliveryEvent): void;
  codeUnknown(event: DeliveryEvent): void;
  messageQuarantined(sessionId: string, id: string, message: QuarantinedMessage): void;
  quarantineFull(peer: string, ofPeer: QuarantineUse, ofAll: QuarantineUse): void;
  /** What found no room in quarantine waits aside in the journal: told once when that begins, and once when it is over. */
  waitsAside(aside: QuarantineUse & { readonly peer: string }): void;
  waitsAsideOver(peer: string): void;
  acknowledgementSent(id: string, acknowledgement: Acknowledgement, fields: Fields): void;
  acknowledgementRetried(id: string, acknowledgement: Acknowledgement, fields: Fields): void;
  acknowledgementFailed(id: string, acknowledgement: Acknowledgement, fields: Fields): void;
  acknowledgementUndeliverable(peer: string): void;
  acknowledgementsFailing(peer: string, reason: string): void;
  acknowledgementsRecovered(peer: string, fields: Fields): void;
  bounceReceived(peer: string, fields: Fields, acknowledgement: Acknowledgement | null): void;
  messageIgnored(sessionId: string, peer: PeerIdentity, messageType: string, advice: string | null): void;
  messageRefused(sessionId: string, peer: PeerIdentity, reason: string): void;
  messageNotStored(sessionId: string, peer: PeerIdentity, cause: Error): void;
  replyLost(sessionId: string, peer: PeerIdentity, reply: { readonly code: number; readonly text: string }): void;
  journalFault(kind: JournalTrouble, fields: Fields): void;
  archiveFault(kind: ArchiveTrouble, fields: Fields): void;
  journalFull(use: JournalUse): void;
  journalShareFull(peer: string, use: JournalUse): void;
  journalRecovered(fields: Fields): void;
  redisConnected(fields: Fields): void;
  redisUnreachable(reason: string): void;
  /** `accepted`: the operator knows it (MM4D_REDIS_CHECKS). */
  redisUnsuitable(reasons: readonly string[], accepted: boolean): void;
  redisSuitable(): void;
  redisChanged(): void;
  redisEmptied(): void;
  redisError(cause: Error): void;
  embeddedRedis(fields: Fields): void;
  queueFailed(cause: Error): void;
  queueRecovered(fields: Fields): void;
  drainFailed(cause: Error, waiting: number): void;
  drainRecovered(fields: Fields): void;
  operatorActed(action: string, fields: Fields): void;
  /** A command beside the service publishes what was received once more. */
  replayBegun(fields: Fields): void;
  replayEnded(fields: Fields): void;
  traceFailed(cause: Error): void;
  viewsFailed(cause: Error): void;
  processEnded(fields: Fields): void;
  reasonBegun(reason: { readonly name: string; readonly state: string; readonly text: string }): void;
  reasonOver(fields: Fields): void;
}

/** Pretty on a terminal, JSON lines everywhere else; both on stdout. */
export function createLog({ level, numbers, process: number, to }: LogOptions): Log {
  const output = to ? { write: to.write, lost: () => 0 } : openLogOutput(tellLost);
  const shape = !to && process.stdout.isTTY ? pretty() : null;
  const logger: Logger = pino(
    {
      level,
      base: number === null ? null : { process: number },
      messageKey: "event",
      timestamp: isoTime(),
      formatters: { level: (label) => ({ level: label }) },
      // A peer may have written it to attack the terminal on which the log is read.
      hooks: { streamWrite: visibleJson },
    },
    shape === null ? output : { write: (text: string) => output.write(shape(text)) },
  );
  const line = (severity: "debug" | "info", event: string, fields: Fields = {}): void => {
    logger[severity]({ event, ...fields });
  };
  /** Each line about a fault says what the fault means for reports, and what to do. */
  const trouble = (severity: "warn" | "error" | "fatal", event: keyof typeof EFFECTS, fields: Fields = {}): void => {
    logger[severity]({ event, ...fields, effect: EFFECTS[event] });
  };
  function tellLost(lines: number): void {
    trouble("warn", "log.lines-lost", { lines });
  }
  const whole: Mask = (text) => text;
  const shown = numbers === "full" ? whole : numberMask([]);

  const aboutAcknowledgement = (id: string, ack: Acknowledgement): Fields => {
    const mask = numbers === "full" ? whole : acknowledgementMask(ack);
    const text = (value: string | null): string | null => (value === null ? null : mask(beginningOf(value)));
    const { eventId, peer, messageId, transactionId, to, messageType, requestStatus } = ack;
    return {
      id,
      eventId,
      peer,
      messageId: text(messageId),
      transactionId: text(transactionId),
      to: text(to),
      messageType,
      requestStatus,
    };
  };
  /** An MMSC's reply often repeats the address. */
  const masked = (fields: Fields): Fields =>
    Object.fromEntries(
      Object.entries(fields).map(([name, value]) => [name, typeof value === "string" ? shown(value) : value]),
    );
  const reason = (cause: Error): Fields => ({ reason: cause.message });

  return {
    linesLost: output.lost,
    setLevel(level) {
      const before = logger.level;
      // Written whether the level goes up or down, at the one that writes more.
      if (level !== before) logger.warn({ event: "log.level-changed", from: before, to: level });
      logger.level = level;
      return before;
    },
    serviceStarted: (fields) => line("info", "service.started", fields),
    serviceNote(note) {
      // There what is told at the start has just said it.
      if (shape === null || !process.stderr.isTTY) logger.warn({ event: "service.note", note });
    },
    serviceStopping: (fields) => line("info", "service.stopping", fields),
    serviceStopped: (fields) => line("info", "service.stopped", fields),
    serviceFailed: (cause) =>
      trouble("fatal", "service.failed", {
        ...reason(cause),
        ...(isSentence(cause) ? {} : { stack: cause.stack }),
      }),
    filesUsedUp: (fields) => trouble("error", "files.used-up", fields),
    settingsReloaded: (fields) => line("info", "settings.reloaded", fields),
    settingsNotReloaded: (what, cause) => trouble("error", "settings.not-reloaded", { what, ...reason(cause) }),
    codesNotRead: (cause) => trouble("error", "codes.not-read", reason(cause)),
    sessionRefused: (refusal) =>
      line("info", "session.refused", {
        ...refusal,
        ...(refusal.reason === "xclient" ? { advice: XCLIENT_ADVICE } : {}),
      }),
    sessionFailed: (cause, client) =>
      line("info", "session.failed", { ...client, ...reason(cause), stack: isOurs(cause) ? cause.stack : undefined }),
    messageAccepted({ message, id, recognised, tookMs }) {
      // These lines come once a message, so a line that is not written is not composed either.
      if (!logger.isLevelEnabled("debug")) return;
      const { sessionId, peer, bytes } = message;
      const fields = { sessionId, peer: peer.identity.name, id, bytes: bytes.byteLength, tookMs };
      if (recognised === "report") line("debug", "report.stored", fields);
      else line("debug", "message.accepted", { ...fields, kind: recognised });
    },
    reportPublished(sessionId, event, jobId) {
      if (!logger.isLevelEnabled("info")) return;
      const tookMs = Date.now() - Date.parse(event.time);
      logger.info(reportLine("report.published", event, { numbers, sessionId, jobId, tookMs }));
    },
    reportDuplicate: (sessionId, event, firstJobId) =>
      logger.info(reportLine("report.duplicate", event, { numbers, sessionId, firstJobId })),
    reportConflict: (event) =>
      logger.warn(reportLine("report.conflict", event, { numbers, effect: EFFECTS["report.conflict"] })),
    codeUnknown: (event) =>
      logger.error(reportLine("code.unknown", event, { numbers, effect: EFFECTS["code.unknown"] })),
    messageQuarantined: (sessionId, id, { reason: why, detail, peer }) =>
      trouble(OURS.includes(why) ? "error" : "warn", "message.quarantined", {
        sessionId,
        id,
        peer: peer.name,
        reason: why,
        detail,
      }),
    quarantineFull: (peer, ofPeer, ofAll) => trouble("error", "quarantine.full", { peer, ...ofPeer, ofAll }),
    waitsAside: ({ peer, messages, bytes }) => trouble("error", "quarantine.waits-aside", { peer, messages, bytes }),
    waitsAsideOver: (peer) => line("info", "quarantine.waits-aside-over", { peer }),
    acknowledgementSent: (id, ack, fields) =>
      line("info", "acknowledgement.sent", { ...aboutAcknowledgement(id, ack), ...masked(fields) }),
    acknowledgementRetried: (id, ack, fields) =>
      line("debug", "acknowledgement.retried", { ...aboutAcknowledgement(id, ack), ...masked(fields) }),
    acknowledgementFailed: (id, ack, fields) =>
      trouble("warn", "acknowledgement.failed", { ...aboutAcknowledgement(id, ack), ...masked(fields) }),
    acknowledgementUndeliverable: (peer) => trouble("warn", "acknowledgement.undeliverable", { peer }),
    acknowledgementsFailing: (peer, why) => trouble("error", "acknowledgements.failing", { peer, reason: shown(why) }),
    acknowledgementsRecovered: (peer, fields) => line("info", "acknowledgements.recovered", { peer, ...fields }),
    bounceReceived: (peer, fields, ack) =>
      trouble("warn", "bounce.received", { ...(ack ? aboutAcknowledgement("", ack) : {}), peer, ...masked(fields) }),
    messageIgnored(sessionId, peer, messageType, advice) {
      const fields = { sessionId, peer: peer.name, messageType };
      if (advice === null) line("debug", "message.ignored", fields);
      else trouble("warn", "message.ignored", { ...fields, advice });
    },
    messageRefused: (sessionId, peer, why) =>
      line("info", "message.refused", { sessionId, peer: peer.name, reason: why }),
    messageNotStored: (sessionId, peer, cause) =>
      line("debug", "message.not-stored", { sessionId, peer: peer.name, ...reason(cause) }),
    replyLost: (sessionId, peer, { code, text }) =>
      line("info", "reply.lost", { sessionId, peer: peer.name, reply: `${code} ${text}` }),
    journalFault: (kind, fields) => trouble("error", `journal.${kind}`, fields),
    archiveFault: (kind, fields) => trouble(ARCHIVE_FAULTS[kind], `archive.${kind}`, fields),
    journalFull: (use) => trouble("error", "journal.full", usedOf(use)),
    journalShareFull: (peer, use) => trouble("error", "journal.share-full", { peer, ...usedOf(use) }),
    journalRecovered: (fields) => line("info", "journal.recovered", fields),
    redisConnected: (fields) => line("info", "redis.connected", fields),
    redisUnreachable: (why) => trouble("error", "redis.unreachable", { reason: why }),
    redisUnsuitable: (reasons, accepted) => trouble(accepted ? "warn" : "error", "redis.unsuitable", { reasons }),
    redisSuitable: () => line("info", "redis.suitable"),
    redisChanged: () => trouble("warn", "redis.changed", {}),
    redisEmptied: () => trouble("error", "redis.emptied", {}),
    // BullMQ repeats what redis.unreachable and drain.failed have said once.
    redisError: (cause) => line("debug", "redis.error", reason(cause)),
    embeddedRedis: (fields) => line("info", "redis.embedded", fields),
    queueFailed: (cause) => trouble("error", "queue.failed", reason(cause)),
    queueRecovered: (fields) => line("info", "queue.recovered", fields),
    drainFailed: (cause, waiting) => trouble("error", "drain.failed", { ...reason(cause), waiting }),
    operatorActed(action, fields) {
      if (action === "login-failed") trouble("warn", "operator.login-failed", fields);
      else line("info", `operator.${action}`, fields);
    },
    replayBegun: (fields) => line("info", "replay.begun", fields),
    replayEnded: (fields) => line("info", "replay.ended", fields),
    reasonBegun: ({ name, state, text }) =>
      trouble(state === "not-well" ? "error" : "warn", "reason.begun", { reason: name, state, text }),
    reasonOver: (fields) => line("info", "reason.over", fields),
    processEnded: (fields) => trouble("error", "process.ended", fields),
    viewsFailed: (cause) => trouble("warn", "views.failed", reason(cause)),
    traceFailed: (cause) => trouble("error", "trace.failed", { ...reason(cause), stack: cause.stack }),
    drainRecovered: (fields) => line("info", "drain.recovered", fields),
  };
}

/** What is kept because of a bug of mm4d. */
const OURS: readonly QuarantinedMessage["reason"][] = ["internal-error", "not-read"];

const XCLIENT_ADVICE =
  "A proxy in front sends XCLIENT, and its clients hear 451 of it. Switch it off and use the PROXY protocol, with its address in MM4D_PROXIES; nginx: xclient off; proxy_protocol on (docs/peers.md)";

/** What each line about a fault means for reports, and what to do. */
const EFFECTS = {
  "service.failed":
    "mm4d is not running, so no reports are accepted. Reports already answered 250 are safe. Fix what the reason says, and start it again",
  "log.lines-lost":
    "none; so many lines of the log are missing before this one. Whoever reads stdout did not keep up, or it could not be written: see to that reader, or to the disk",
  "files.used-up":
    "their peers are dropped when they connect, without a word, and come again. Raise the limit of open files (LimitNOFILE=, ulimit -n), or lower MM4D_MAX_CLIENTS; told once a minute",
  "settings.not-reloaded":
    "none: what was in force stays. Correct the file; it is read again when it changes, and at SIGHUP",
  "codes.not-read":
    "those that came while their peer's entry named this file go by their status alone, and their codes are not explained. Put the file back and send SIGHUP; told once until then",
  "report.conflict": "its event says so and is queued. The peer's status and code contradict each other: tell the peer",
  "code.unknown":
    "its event says known: false; told once a code and peer. Ask the peer what it means, and write it into the file with its codes (catalogue in its entry, else MM4D_CATALOGUE_FILE)",
  "message.quarantined":
    "it made no event, and is kept. Look at it (mm4d quarantine show), tell the peer, replay or drop it",
  "message.ignored":
    "no event was created, and the message was discarded. Follow the advice. Logged at most once an hour",
  "quarantine.full":
    "this peer's messages that nobody can read get 451 until there is room: no peer has more than half of what the others leave. Its reports and other peers are not concerned. Told once a peer; mm4d quarantine list",
  "quarantine.waits-aside":
    "its reports go on, until what waits takes a sixteenth of the journal: then this peer's get 451, and nobody else's. What waits was answered 250, makes no event, and found no room in quarantine; it goes there by itself when there is room. mm4d quarantine list; told once a peer, until it is over",
  "acknowledgement.failed":
    "none. Its peer may send the report again. mm4d acks list tells why, acks retry sends it again",
  "acknowledgement.undeliverable":
    "it asks for acknowledgements and gets none: its entry names no acknowledge.host, or its messages no address and the entry no acknowledge.to. Told once a peer",
  "acknowledgements.failing":
    "none; its acknowledgements wait, for about an hour. mm4d peers test tells whether its MMSC can be reached",
  "bounce.received": "none. What was sent to its MMSC came back: mm4d acks list --state bounced",
  "process.ended":
    "none: what it had answered 250 is in its journal, and the other processes take its connections. It is started again; if that goes on, the lines before tell why",
  "redis.unreachable":
    "reports wait in the journal, and carriers notice nothing while that has room; with MM4D_ACCEPT=queue they get 451. Check that Redis is up, and that REDIS_URL is correct",
  "redis.unsuitable":
    "they may be lost in Redis once they are on the queue. Change Redis as the reasons say; mm4d doctor tells how",
  "redis.changed":
    "what was queued lately is queued again under the same ids, because this Redis may not have it. Nothing to do",
  "redis.emptied":
    "what was queued within the last minute is queued again from the journal, and with MM4D_ACCEPT=queue nothing is; older events that nobody had consumed are lost, and so are quarantine, trace, and what was remembered of ids. Somebody has run FLUSHALL or FLUSHDB, or removed our keys, or Redis was started again without what it held, or is another one: give mm4d a Redis, or a user's rights, of its own (ops/redis/users.acl), with appendonly yes",
  "reason.begun": "what the text says. mm4d status tells all of them, mm4d doctor what to do",
  "queue.failed": "they get 451 until the queue takes them. mm4d doctor tells what is wrong",
  "drain.failed": "they wait in the journal. mm4d doctor tells what is wrong with Redis",
  "operator.login-failed": "none. A wrong MM4D_ADMIN_TOKEN was given; many of these are somebody who guesses",
  "views.failed":
    "none for reports; a page could not be shown, or is not live for a moment, and the thread that finds pages is begun anew; told once a minute",
  "trace.failed": "none, but mm4d trace will not tell of one. Please report the stack: it is a fault of ours",
  "archive.fates-failed":
    "none, but the archive will not know what became of some of them. See to the data directory's disk and its mode",
  "archive.take-failed":
    "none, but what has settled is not archived any more. See to the data directory's disk and the mode of archive/; told once until it works",
  "archive.pack-failed":
    "none; what has settled waits in archive/packing/ and is packed later. See to the data directory's disk and the mode of archive/; told once until it works",
  "archive.damaged": "none: each was settled. What is no record in a segment is kept in damaged/. Look at the disk",
  "archive.unreadable": "none: each was settled. The segment is kept in damaged/. Look at the disk",
  "archive.given-up":
    "none. The disk is nearly full, so the oldest of the archive was removed before its time. Make room, or lower MM4D_ARCHIVE_MAX_BYTES; told once until there is room",
  "archive.behind":
    "none. What has settled comes faster than it is packed, so the oldest of that is not archived. Give mm4d another processor, or raise MM4D_ARCHIVE_MAX_BYTES",
  "journal.full":
    "they get 451 until there is room: until Redis has caught up, or what was queued within the last minute has left. mm4d status tells which",
  "journal.share-full":
    "this peer's get 451 until there is room: no peer has more than seven eighths of what the others leave. Other peers are not concerned. Told once an hour and peer; mm4d status tells what it waits for",
  "journal.torn": "none: it was answered to nobody, and its relay delivers it again",
  "journal.damaged":
    "what stood there is lost when it was not on the queue yet; it is kept in damaged/. Look at the disk",
  "journal.append-failed": "reports get 451 until the data directory can be written. See to its disk",
  "journal.missing": "what stood there and was not on the queue yet is lost. Nobody but mm4d may remove segments",
  "journal.unreadable":
    "what stood there is not queued again after Redis has changed; it is kept in damaged/. Look at the disk",
  "journal.remove-failed": "none, but the journal grows. See to the data directory's disk and its mode",
  "journal.cursor-failed":
    "none, but a restart queues more again, under the same ids. See to the data directory's disk",
  "journal.cursor-unreadable":
    "what is in the journal is queued again, under the same ids; Redis forgets an id after MM4D_DEDUPE_HOURS",
  "journal.in-hand-failed":
    "none, but a report that ends mm4d while it is read would not be found, and would end it at each start. See to the data directory's disk",
  "journal.unattended": "the journal could not be looked after this second; it is tried again",
} as const;

/** How bad each fault of the archive is. */
const ARCHIVE_FAULTS = {
  "fates-failed": "warn",
  "take-failed": "error",
  "pack-failed": "error",
  damaged: "error",
  unreadable: "error",
  "given-up": "warn",
  behind: "warn",
} as const;

export type ArchiveTrouble = keyof typeof ARCHIVE_FAULTS;

/** What a journal holds: `waitingBytes` are not on the queue yet, and `most` says who has most of it. */
export interface JournalUse {
  readonly bytes: number;
  readonly maxBytes: number;
  readonly waitingBytes: number;
  readonly most: { readonly peer: string; readonly bytes: number } | null;
}

const usedOf = ({ bytes, maxBytes, waitingBytes, most }: JournalUse): Fields => ({
  bytes,
  maxBytes,
  waitingBytes,
  most,
});

/** Faults of the journal that have a line. */
export type JournalTrouble = keyof typeof EFFECTS extends infer Event
  ? Event extends `journal.${infer Kind}`
    ? Exclude<Kind, "full" | "share-full">
    : never
  : never;

/** The time, as pino wants it in a line. Most lines of one batch have the same. */
function isoTime(): () => string {
  let atMs = Number.NaN;
  let written = "";
  return () => {
    const nowMs = Date.now();
    if (nowMs !== atMs) written = `,"time":"${new Date(nowMs).toISOString()}"`;
    atMs = nowMs;
    return written;
  };
}

/** The form for people. */
function pretty(): (line: string) => string {
  // Loaded only where there is a terminal, because every start would wait for it.
  const { prettyFactory } = createRequire(import.meta.url)("pino-pretty") as typeof import("pino-pretty");
  const shape = prettyFactory({ singleLine: true, translateTime: "SYS:HH:MM:ss.l" });
  // pino-pretty colours by escape sequences. What it shows of a peer is JSON.
  return (line) => visibleJson(shape(line));
}

/** What a person can mend is told in a sentence that begins so. A stack would only be in its way. */
function isSentence({ name, message }: Error): boolean {
  return name === "Error" && message.startsWith("Cannot ");
}

/** A broken connection is the network's fault. Anything else is our fault, and is logged with its stack. */
function isOurs(cause: Error): boolean {
  return (cause as NodeJS.ErrnoException).code === undefined;
}
