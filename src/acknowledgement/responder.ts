/**
 * Sends responses to peers' MMSCs. It knows neither queue nor retries: it returns the
 * result of one attempt. Peers do not wait for each other, because each has its own
 * lane.
 */
import type { MessageRules } from "../delivery/accepted.ts";
import type { Acknowledgement, SendResult } from "../delivery/acknowledgement.ts";
import { composeResponse } from "../mm4/compose-response.ts";
import { ownMailId } from "../mm4/own-mail-id.ts";
import type { Acknowledge, Peer } from "../smtp/peer.ts";
import { createLane, type Lane, placesOf } from "./lane.ts";
import { describeNotTried } from "./mmsc-client.ts";

export interface ResponderOptions {
  /** The name we greet with. */
  readonly hostname: string;
  /** Our own address. */
  readonly systemAddress: string;
  /** How long an MMSC may be silent, in milliseconds. */
  readonly timeoutMs: number;
  /** The first pause before an MMSC that is away is asked again, in milliseconds. */
  readonly awayMs: number;
  /** How long mail goes without TLS after STARTTLS has failed, in milliseconds. */
  readonly withoutTlsMs?: number;
}

export interface Responder {
  /** `id` becomes the mail's own id, so that a bounce can be tied to it. `peer` is undefined when its entry is gone. */
  send(id: string, response: Acknowledgement, peer: Peer | undefined): Promise<SendResult>;
  /**
   * Must be called before `send` is given a changed entry. Ends the connections of peers that are
   * gone or have another MMSC now. A response that is being sent is sent to its end.
   */
  usePeers(peers: readonly Peer[]): void;
  /** Ends every connection. Responses that are being sent fail. */
  stop(): void;
}

/** After TLS has failed, no message waits for it during this time. Then it is tried again, because it may have been mended. */
const WITHOUT_TLS_MS = 300_000;

/** How many responses may be in hand at a time, so that no peer takes another's place; 0 when no peer has an MMSC. */
export function responderPlaces(peers: readonly Peer[]): number {
  return peers.reduce((sum, { acknowledge }) => sum + (acknowledge.host === null ? 0 : placesOf(acknowledge)), 0);
}

/** Where a response goes: where the entry says, else where its message asked; null for nowhere. */
export function destinationOf({ acknowledge }: Pick<MessageRules, "acknowledge">, to: string | null): string | null {
  return acknowledge.host === null ? null : (acknowledge.to ?? to);
}

export function createResponder(options: ResponderOptions): Responder {
  const { systemAddress, withoutTlsMs = WITHOUT_TLS_MS } = options;
  const domain = systemAddress.slice(systemAddress.lastIndexOf("@") + 1);
  const lanes = new Map<string, Lane>();

  /** A lane that is found fits the entry, because `usePeers` has ended those whose entry changed. */
  function laneOf({ name, acknowledge }: Peer): Lane {
    const lane = lanes.get(name) ?? createLane(acknowledge, { ...options, withoutTlsMs });
    lanes.set(name, lane);
    return lane;
  }

  function mailOf(id: string, response: Acknowledgement, from: Acknowledge["from"], to: string) {
    const mail = composeResponse(response, {
      systemAddress,
      to,
      mailMessageId: ownMailId(id, domain),
      date: new Date(),
    });
    return {
      envelope: { from: senderOf(from, response), to: [to] },
      // Given whole, because nodemailer would spell our fields its own way.
      raw: Buffer.from(mail),
      dsn: {
        id,
        return: "headers" as const,
        notify: ["failure" as const, "delay" as const],
        recipient: `rfc822;${to}`,
      },
    };
  }

  /** Seen in practice: mbuni knows a peer by the domain of a sender that looks like a number, and refuses the null sender. */
  function senderOf(from: Acknowledge["from"], { originator }: Acknowledgement): string {
    if (from === "null") return "";
    return from === "plmn" && originator !== null ? `${originator}/TYPE=PLMN@${domain}` : systemAddress;
  }

  return {
    async send(id, response, peer) {
      const to = peer ? destinationOf(peer, response.to) : null;
      if (!peer || to === null) {
        // It is tried again, because a faulty entry may be mended within the hour.
        const reason = `There is nowhere to send it: see the entry of ${response.peer} in the peers`;
        return { kind: "failed", reason, mmsc: "not-asked" };
      }
      const notTried = describeNotTried(peer.acknowledge);
      if (notTried !== null) return { kind: "failed", reason: notTried, mmsc: "away" };
      return laneOf(peer).send(() => mailOf(id, response, peer.acknowledge.from, to));
    },
    usePeers(peers) {
      for (const [name, lane] of lanes) {
        const peer = peers.find((known) => known.name === name);
        if (peer && lane.isFor(peer.acknowledge)) continue;
        lanes.delete(name);
        lane.close();
      }
    },
    stop() {
      for (const lane of lanes.values()) {
        lane.abort(new Error("mm4d is stopping"));
        lane.close();
      }
      lanes.clear();
    },
  };
}
