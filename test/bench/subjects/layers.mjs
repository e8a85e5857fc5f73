/**
 * mm4d's own rooms without the rest of the service, for the ladder. Argument: JSON with `port`, `directory` and
 * `layers`: 1 its SMTP listener, 2 and its reading, judging and explaining, 3 and its journal.
 */

import { createAccept } from "../../../dist/flow/accept.js";
import { createTurns } from "../../../dist/flow/turns.js";
import { openJournal } from "../../../dist/journal/journal.js";
import { tellEach } from "../../../dist/monitoring/observers.js";
import { newRecordId } from "../../../dist/queue/publisher.js";
import { loadConfig } from "../../../dist/settings/load.js";
import { loadPeers } from "../../../dist/settings/peers.js";
import { loadReading } from "../../../dist/settings/reading.js";
import { createAccess } from "../../../dist/smtp/access.js";
import { startListener } from "../../../dist/smtp/listener.js";
import { REPLIES } from "../../../dist/smtp/replies.js";

const { port, directory, layers } = JSON.parse(process.argv[2]);
const { config } = loadConfig({ MM4D_PEERS: "bench=127.0.0.0/8" }).value;
const journal =
  layers >= 3 &&
  (await openJournal({ directory: `${directory}/journal`, maxBytes: config.journalMaxBytes, onFault: console.error }));
const reading = loadReading(config);
const room = { has: () => true, promised() {}, broken() {} };
const accept = createAccept({
  reading: () => reading,
  acknowledging: { systemAddress: "", canSend: () => false },
  turns: createTurns(Number.POSITIVE_INFINITY),
  store: { journal: journal || { append: async () => {} } },
  rooms: { quarantine: room, bounces: room },
  recordId: newRecordId,
  replyTo: () => REPLIES.stored,
  observer: tellEach([], console.error),
});
const MINUTE_MS = 60_000;

await startListener({
  host: "127.0.0.1",
  port,
  smtpsPort: null,
  hostname: "bench",
  domains: [],
  limits: {
    clients: config.maxClients,
    clientsPerPeer: config.maxClients,
    recipients: config.maxRecipients,
    badCommands: config.maxBadCommands,
    commands: config.maxCommands,
    messagesPerConnection: 0,
    messagesPerSecond: 0,
    messageBytes: config.maxMessageBytes,
    unfinishedBytes: config.maxUnfinishedBytes,
    firstCommandMs: MINUTE_MS,
    lineMs: MINUTE_MS,
    dataMs: MINUTE_MS,
    idleMs: MINUTE_MS,
    peerIdleMs: MINUTE_MS,
    sessionMs: 60 * MINUTE_MS,
  },
  isProxy: () => false,
  findPeer: createAccess(loadPeers(config, () => {})),
  certificate: null,
  ciphers: config.tlsCiphers,
  onMessage: layers >= 2 ? accept : async () => ({ reply: REPLIES.stored, onAnswered: () => {} }),
  onSession: () => {},
  onRefused: console.error,
  onError: () => {},
  onReply: () => {},
});
