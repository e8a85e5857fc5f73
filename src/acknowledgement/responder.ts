/**
 * Sends responses to peers' MMSCs, over a few connections to each that are kept
 * open between them. Knows neither queue nor retries: it tells what came of one.
 *
 * Peers do not wait for each other: each has connections of its own, and one whose
 * MMSC cannot be reached is asked again by one response at a time, and not at once.
 */
import { createRequire } from "node:module";
import type { Transporter } from "nodemailer";
import type { Acknowledgement, SendResult } from "../delivery/acknowledgement.ts";
import { composeResponse } from "../mm4/compose-response.ts";
import { ownMailId } from "../mm4/own-mail-id.ts";
import type { Acknowledge, Peer } from "../smtp/peer.ts";
import {
  describeFailure,
  describeNotTried,
  describeTlsFailure,
  failedInTls,
  firstLine,
  type MmscError,
  mayGoWithoutTls,
  mmscOptions,
  withoutTls,
} from "./mmsc-client.ts";

export interface ResponderOptions {
  /** The name we greet with. */
  readonly hostname: string;
  /** Our own address. */
  readonly systemAddress: string;
  /** How long an MMSC may be silent, in milliseconds. */
  readonly timeoutMs: number;
  /** How long an MMSC that could not be reached is not asked again at first, in milliseconds. */
  readonly awayMs: number;
  /** How long an MMSC whose STARTTLS failed is sent to without TLS, in milliseconds. */
  readonly withoutTlsMs?: number;
}

export interface Responder {
  /** `id` becomes the mail's own id, so that a bounce can be tied to it. `peer` is undefined when it has no entry any more. */
  send(id: string, response: Acknowledgement, peer: Peer | undefined): Promise<SendResult>;
  /** To be told before `send` is given a changed entry. Ends the connections of peers that are gone or have another MMSC now; what is being sent on one is sent to its end. */
  usePeers(peers: readonly Peer[]): void;
  /** Ends every connection. What is under way fails. */
  stop(): void;
}

/** How many may be in hand at a time, so that no peer takes another one's place; 0 when none has an MMSC. */
export function responderPlaces(peers: readonly Peer[]): number {
  return peers.reduce((sum, { acknowledge }) => sum + (acknowledge.host === null ? 0 : placesOf(acknowledge)), 0);
}

/** Where a response goes: as the entry says, else as its message asked; null for nowhere. */
export function destinationOf({ acknowledge }: Peer, to: string | null): string | null {
  return acknowledge.host === null ? null : (acknowledge.to ?? to);
}

/** So many in a row without an answer, and the MMSC counts as away: one alone may be that response's own fault. */
const AWAY_AFTER = 3;
/** It is asked again after a pause that doubles up to this multiple of the first. */
const LONGEST_AWAY = 12;
const WAITING_FOR_EACH_CONNECTION = 4;
const IDLE_MS = 30_000;
/** The longest that one response may take, as a multiple of the longest silence: no trickle of bytes puts it off. */
const PATIENCE = 4;

/** So long no message pays for what failed a moment ago; then it is tried again, because it may be mended some day. */
const WITHOUT_TLS_MS = 300_000;

/** The connections to one peer's MMSC. */
interface Lane {
  /** The entry that it was made for. */
  readonly made: string;
  readonly transport: Transporter;
  /** The one without TLS, since STARTTLS failed. */
  inClear: Transporter | undefined;
  /** Until when it is used, and why, behind "because". */
  withoutTls: { readonly untilMs: number; readonly because: string } | undefined;
  readonly underWay: Set<AbortController>;
  inHand: number;
  sending: number;
  readonly waiting: (() => void)[];
  /** How many in a row had no answer from the MMSC to their message, and why the last had none. */
  unanswered: number;
  fault: string;
  awayUntilMs: number;
  /** Whether somebody is finding out whether it is back. */
  asking: boolean;
}

export function createResponder(options: ResponderOptions): Responder {
  const { hostname, systemAddress, timeoutMs, awayMs, withoutTlsMs = WITHOUT_TLS_MS } = options;
  const lanes = new Map<string, Lane>();
  const domain = systemAddress.slice(systemAddress.lastIndexOf("@") + 1);

  async function send(id: string, response: Acknowledgement, peer: Peer | undefined): Promise<SendResult> {
    const to = peer ? destinationOf(peer, response.to) : null;
    if (!peer || to === null) {
      // An entry with a fault may be mended within the hour.
      const reason = `There is nowhere to send it: see the entry of ${response.peer} in the peers`;
      return { kind: "failed", reason, mmsc: "not-asked" };
    }
    const notTried = describeNotTried(peer.acknowledge);
    if (notTried !== null) return { kind: "failed", reason: notTried, mmsc: "away" };
    const lane = laneOf(peer);
    if (lane.inHand >= placesOf(peer.acknowledge)) return { kind: "busy" };
    lane.inHand += 1;
    try {
      await inTurn(lane, peer.acknowledge.connections);
      try {
        // The entry was changed meanwhile: it goes where that says.
        if (lanes.get(peer.name) !== lane) return { kind: "busy" };
        return await sendNow(lane, id, response, peer.acknowledge, to);
      } finally {
        lane.sending -= 1;
        lane.waiting.shift()?.();
      }
    } finally {
      lane.inHand -= 1;
    }
  }

  async function sendNow(
    lane: Lane,
    id: string,
    response: Acknowledgement,
    acknowledge: Acknowledge,
    to: string,
  ): Promise<SendResult> {
    const asks = lane.unanswered >= AWAY_AFTER;
    if (asks) {
      // Whoever asks will know in a moment: nobody's attempt is lost on that.
      if (lane.asking) return { kind: "busy" };
      if (performance.now() < lane.awayUntilMs) {
        const reason = `Not tried: it came to nothing just before (${lane.fault})`;
        return { kind: "failed", reason, mmsc: "not-asked" };
      }
      lane.asking = true;
    }
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(new Error("It took too long")), timeoutMs * PATIENCE);
    lane.underWay.add(deadline);
    try {
      const mail = composeResponse(response, {
        systemAddress,
        to,
        mailMessageId: ownMailId(id, domain),
        date: new Date(),
      });
      const reply = await handOver(lane, acknowledge, {
        envelope: { from: senderOf(acknowledge.from, response), to: [to] },
        // As it is: nodemailer would spell our fields its own way.
        raw: Buffer.from(mail),
        dsn: { id, return: "headers", notify: ["failure", "delay"], recipient: `rfc822;${to}` },
        signal: deadline.signal,
      });
      lane.unanswered = 0;
      return { kind: "sent", reply };
    } catch (cause) {
      const { responseCode, command, response, message } = cause as MmscError;
      if (lane.withoutTls && responseCode === TLS_MUST_COME_FIRST) {
        const reason = `${firstLine(response ?? message)}; it was tried without TLS, because ${lane.withoutTls.because}`;
        lane.withoutTls = undefined;
        return { kind: "failed", reason, mmsc: "there" };
      }
      // What was answered to the message, and not to whoever sent it: a wrong password is every message's.
      if (responseCode !== undefined && responseCode !== 421 && MESSAGE_COMMANDS.includes(command ?? "")) {
        lane.unanswered = 0;
        const reason = firstLine(response ?? message);
        return responseCode >= 500 ? { kind: "refused", reason } : { kind: "failed", reason, mmsc: "there" };
      }
      const reason = describeFailure(cause as MmscError, acknowledge, timeoutMs);
      lane.unanswered += 1;
      lane.fault = reason;
      const pauses = Math.min(2 ** Math.max(0, lane.unanswered - AWAY_AFTER), LONGEST_AWAY);
      lane.awayUntilMs = performance.now() + awayMs * pauses;
      return { kind: "failed", reason, mmsc: "away" };
    } finally {
      clearTimeout(timer);
      lane.underWay.delete(deadline);
      if (asks) lane.asking = false;
    }
  }

  /** The MMSC's reply, and why it was given without TLS, if it was. Where TLS may be missing, one that fails is missing. */
  async function handOver(lane: Lane, acknowledge: Acknowledge, mail: Mail): Promise<string> {
    if (!lane.withoutTls || lane.withoutTls.untilMs <= performance.now()) {
      const { marked, isBegun } = markBegin(mail);
      try {
        const { response } = await lane.transport.sendMail(marked);
        lane.withoutTls = undefined;
        return firstLine(response ?? "");
      } catch (cause) {
        // What may have been taken is not sent again at once, and TLS was not in its way.
        if (isBegun() || !mayGoWithoutTls(acknowledge)) throw cause;
        if (!(await isOfTls(cause as MmscError, acknowledge))) throw cause;
        const because = describeTlsFailure(cause as MmscError, acknowledge, timeoutMs);
        lane.withoutTls = { untilMs: performance.now() + withoutTlsMs, because };
      }
    }
    const { because } = lane.withoutTls;
    lane.inClear ??= transportTo(withoutTls(acknowledge));
    const { response } = await lane.inClear.sendMail(mail);
    return `${firstLine(response ?? "")} (sent without TLS, because ${because})`;
  }

  async function isOfTls(cause: MmscError, acknowledge: Acknowledge): Promise<boolean> {
    const failed = failedInTls(cause);
    if (failed !== "unclear") return failed;
    // Loaded when it is needed, as nodemailer is.
    const { breaksInTls } = await import("./probe.ts");
    return breaksInTls(acknowledge, hostname, timeoutMs);
  }

  /** mbuni knows a peer by the domain of a sender that is shaped as a number, and refuses the null sender. */
  function senderOf(from: Acknowledge["from"], { originator }: Acknowledgement): string {
    if (from === "null") return "";
    return from === "plmn" && originator !== null ? `${originator}/TYPE=PLMN@${domain}` : systemAddress;
  }

  /** One whose entry has changed was ended by `usePeers`. */
  function laneOf({ name, acknowledge }: Peer): Lane {
    const held = lanes.get(name);
    if (held) return held;
    const lane: Lane = {
      made: JSON.stringify(acknowledge),
      transport: transportTo(acknowledge),
      inClear: undefined,
      withoutTls: undefined,
      underWay: new Set<AbortController>(),
      inHand: 0,
      sending: 0,
      waiting: [],
      unanswered: 0,
      fault: "",
      awayUntilMs: 0,
      asking: false,
    };
    lanes.set(name, lane);
    return lane;
  }

  function transportTo(acknowledge: Acknowledge): Transporter {
    const { auth, connections } = acknowledge;
    // Loaded with the first one: few starts ever need it, and all would wait for it.
    const { createTransport } = createRequire(import.meta.url)("nodemailer") as typeof import("nodemailer");
    return createTransport({
      ...mmscOptions(acknowledge, hostname, timeoutMs),
      pool: true,
      maxConnections: connections,
      // One that the MMSC has closed meanwhile is not the response's fault.
      maxRequeues: connections,
      idleTimeout: IDLE_MS,
      ...(auth === null ? {} : { auth: { user: auth.user, pass: auth.password } }),
    });
  }

  return {
    send,
    usePeers(peers) {
      for (const [name, lane] of lanes) {
        const peer = peers.find((known) => known.name === name);
        if (peer && JSON.stringify(peer.acknowledge) === lane.made) continue;
        lanes.delete(name);
        closeAll(lane);
      }
    },
    stop() {
      for (const lane of lanes.values()) {
        for (const deadline of lane.underWay) deadline.abort(new Error("mm4d is stopping"));
        closeAll(lane);
      }
      lanes.clear();
    },
  };
}

function closeAll({ transport, inClear }: Lane): void {
  transport.close();
  inClear?.close();
}

type Mail = Parameters<Transporter["sendMail"]>[0];

/** The same mail, and whether its MAIL was composed, for which alone nodemailer reads the id of its DSN: behind STARTTLS and login. */
function markBegin(mail: Mail): { readonly marked: Mail; isBegun(): boolean } {
  let begun = false;
  const dsn = {
    ...mail.dsn,
    get id() {
      begun = true;
      return mail.dsn?.id;
    },
  };
  return { marked: { ...mail, dsn }, isBegun: () => begun };
}

/** RFC 3207 §4. */
const TLS_MUST_COME_FIRST = 530;
/** Where nodemailer says that a message was refused, and not we. */
const MESSAGE_COMMANDS: readonly string[] = ["MAIL FROM", "RCPT TO", "DATA"];

function placesOf({ connections }: Acknowledge): number {
  return connections * (1 + WAITING_FOR_EACH_CONNECTION);
}

function inTurn(lane: Lane, connections: number): Promise<void> {
  if (lane.sending < connections) {
    lane.sending += 1;
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    lane.waiting.push(() => {
      lane.sending += 1;
      resolve();
    });
  });
}
