/** The way to one peer's MMSC. Few responses are on it at a time, so that no peer takes the others' places. */
import type { SendResult } from "../delivery/acknowledgement.ts";
import type { Acknowledge } from "../smtp/peer.ts";
import { createAway } from "./away.ts";
import { describeFailure, firstLine, type MmscError } from "./mmsc-client.ts";
import { type Mail, openTransports, type TransportOptions } from "./mmsc-transports.ts";
import { createTurns } from "./turns.ts";

export interface LaneOptions extends TransportOptions {
  /** The first pause before an MMSC that is away is asked again, in milliseconds. */
  readonly awayMs: number;
}

export interface Lane {
  /** Whether it was made for this entry. */
  isFor(acknowledge: Acknowledge): boolean;
  /** Calls `compose` when it is the mail's turn. Gives `busy` when too many wait, or the lane was closed meanwhile. */
  send(compose: () => Mail): Promise<SendResult>;
  /** Gives `busy` to responses that wait. Those that are being sent are sent to their end. */
  close(): void;
  /** Makes the responses that are being sent fail, for this reason. */
  abort(reason: Error): void;
}

const WAITING_FOR_EACH_CONNECTION = 4;
/** The longest that one response may take, as a multiple of the longest silence. A trickle of bytes does not extend it. */
const PATIENCE = 4;
/** RFC 3207 §4. */
const TLS_MUST_COME_FIRST = 530;
/** At these commands nodemailer reports that the MMSC refused the message. At others it refused us. */
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
    // This reply is about the message. A reply about us, such as to a wrong password, concerns every message.
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
        // If the entry was changed meanwhile, the response has to go where the new entry says.
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
