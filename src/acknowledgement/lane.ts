/**
 * The way to one peer's MMSC. Few responses are on it at a time, so that no peer
 * takes the others' places. When the MMSC has not answered several in a row it is
 * away: it is asked again by one response at a time, and not at once.
 */
import type { SendResult } from "../delivery/acknowledgement.ts";
import type { Acknowledge } from "../smtp/peer.ts";
import { describeFailure, firstLine, type MmscError } from "./mmsc-client.ts";
import { type Mail, openTransports, type TransportOptions } from "./mmsc-transports.ts";

export interface LaneOptions extends TransportOptions {
  /** How long an MMSC that could not be reached is not asked again at first, in milliseconds. */
  readonly awayMs: number;
}

export interface Lane {
  /** Whether it was made for this entry. */
  isFor(acknowledge: Acknowledge): boolean;
  /** `compose` is called when it is the mail's turn. `busy` when too many wait, or the lane was closed meanwhile. */
  send(compose: () => Mail): Promise<SendResult>;
  /** What waits is `busy`; what is being sent is sent to its end. */
  close(): void;
  /** What is under way fails, for this reason. */
  abort(reason: Error): void;
}

/** So many in a row without an answer, and the MMSC counts as away: one alone may be that response's own fault. */
const AWAY_AFTER = 3;
/** It is asked again after a pause that doubles up to this multiple of the first. */
const LONGEST_AWAY = 12;
const WAITING_FOR_EACH_CONNECTION = 4;
/** The longest that one response may take, as a multiple of the longest silence: no trickle of bytes puts it off. */
const PATIENCE = 4;
/** RFC 3207 §4. */
const TLS_MUST_COME_FIRST = 530;
/** Where nodemailer says that the MMSC refused a message, and not us. */
const MESSAGE_COMMANDS: readonly string[] = ["MAIL FROM", "RCPT TO", "DATA"];

/** How many responses may be in hand for one MMSC: on its connections, or waiting for one. */
export function placesOf({ connections }: Pick<Acknowledge, "connections">): number {
  return connections * (1 + WAITING_FOR_EACH_CONNECTION);
}

export function createLane(acknowledge: Acknowledge, options: LaneOptions): Lane {
  const { timeoutMs } = options;
  const made = JSON.stringify(acknowledge);
  const transports = openTransports(acknowledge, options);
  const inTurn = createTurns(acknowledge.connections);
  const underWay = new Set<AbortController>();
  const away = createAway(options.awayMs);
  let inHand = 0;
  let closed = false;

  async function sendNow(compose: () => Mail): Promise<SendResult> {
    const asking = away.mayAsk();
    if (typeof asking === "object") return asking;
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(new Error("It took too long")), timeoutMs * PATIENCE);
    underWay.add(deadline);
    try {
      const reply = await transports.send({ ...compose(), signal: deadline.signal });
      away.answered();
      return { kind: "sent", reply };
    } catch (cause) {
      return resultOf(cause as MmscError);
    } finally {
      clearTimeout(timer);
      underWay.delete(deadline);
      if (asking) away.asked();
    }
  }

  function resultOf(cause: MmscError): SendResult {
    const { responseCode, command, response, message } = cause;
    const because = transports.whyWithoutTls();
    if (because !== undefined && responseCode === TLS_MUST_COME_FIRST) {
      transports.useTls();
      const reason = `${firstLine(response ?? message)}; it was tried without TLS, because ${because}`;
      return { kind: "failed", reason, mmsc: "there" };
    }
    // What was answered to the message, and not to us: a wrong password concerns every message.
    if (responseCode !== undefined && responseCode !== 421 && MESSAGE_COMMANDS.includes(command ?? "")) {
      away.answered();
      const reason = firstLine(response ?? message);
      return responseCode >= 500 ? { kind: "refused", reason } : { kind: "failed", reason, mmsc: "there" };
    }
    const reason = describeFailure(cause, acknowledge, timeoutMs);
    away.unanswered(reason);
    return { kind: "failed", reason, mmsc: "away" };
  }

  return {
    isFor: (entry) => JSON.stringify(entry) === made,
    async send(compose) {
      if (inHand >= placesOf(acknowledge)) return { kind: "busy" };
      inHand += 1;
      try {
        // Where the entry was changed meanwhile, it goes where that says.
        return await inTurn(async () => (closed ? { kind: "busy" } : sendNow(compose)));
      } finally {
        inHand -= 1;
      }
    },
    close() {
      closed = true;
      transports.close();
    },
    abort(reason) {
      for (const deadline of underWay) deadline.abort(reason);
    },
  };
}

/** Whether the MMSC is away, and who may find out whether it is back. */
function createAway(awayMs: number) {
  /** How many in a row had no answer to their message, and why the last had none. */
  let unanswered = 0;
  let fault = "";
  let untilMs = 0;
  let asking = false;

  return {
    /** Whether the response finds out for the others, and must say when it has; or what comes of it without being tried. */
    mayAsk(): boolean | SendResult {
      if (unanswered < AWAY_AFTER) return false;
      // The one that asks will know in a moment: no other attempt is spent on that.
      if (asking) return { kind: "busy" };
      if (performance.now() < untilMs) {
        const reason = `Not tried: it came to nothing just before (${fault})`;
        return { kind: "failed", reason, mmsc: "not-asked" };
      }
      asking = true;
      return true;
    },
    asked() {
      asking = false;
    },
    answered() {
      unanswered = 0;
    },
    unanswered(reason: string) {
      unanswered += 1;
      fault = reason;
      const pauses = Math.min(2 ** Math.max(0, unanswered - AWAY_AFTER), LONGEST_AWAY);
      untilMs = performance.now() + awayMs * pauses;
    },
  };
}

/** Runs so many works at a time, in the order of coming. */
function createTurns(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  const begin = (): void => {
    running += 1;
  };
  return async (work) => {
    // Its place is counted as it is given, so that none that comes meanwhile takes it.
    if (running < most) begin();
    else await new Promise<void>((resolve) => waiting.push(() => resolve(begin())));
    try {
      return await work();
    } finally {
      running -= 1;
      waiting.shift()?.();
    }
  };
}
