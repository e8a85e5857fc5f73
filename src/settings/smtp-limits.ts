/** The limits of the SMTP listener, as the settings give them. */
import type { Limits } from "../smtp/limits.ts";
import type { Config } from "./config.ts";

/** Gives them in the units of the listener: bytes and milliseconds. */
export function limitsOf(config: Config): Limits {
  return {
    clients: config.maxClients,
    clientsPerPeer: config.maxClientsPerPeer,
    recipients: config.maxRecipients,
    badCommands: config.maxBadCommands,
    commands: config.maxCommands,
    messagesPerConnection: config.maxMessagesPerConnection,
    messagesPerSecond: config.maxMessagesPerSecond,
    messageBytes: config.maxMessageBytes,
    // Four of the largest, because one peer may have half of this, and one message of the largest must pass beside others.
    unfinishedBytes: Math.max(config.maxUnfinishedBytes, 4 * config.maxMessageBytes),
    firstCommandMs: config.firstCommandSeconds * 1000,
    lineMs: config.lineSeconds * 1000,
    dataMs: config.dataSeconds * 1000,
    idleMs: config.idleSeconds * 1000,
    peerIdleMs: config.peerIdleSeconds * 1000,
    sessionMs: config.sessionSeconds * 1000,
  };
}
