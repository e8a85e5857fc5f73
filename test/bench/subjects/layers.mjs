/**
 * mm4d's own rooms without the rest of the service, for the ladder. Argument: JSON with `port`, `directory` and
 * `layers`: 1 its SMTP listener, 2 and what comes before the 250: recognising a report, and the journal, 3 and what
 * comes behind it: reading, judging and explaining, as far as the queue. A message asks how many got so far.
 */

import { createAccept } from "../../../dist/flow/accept.js";
import { startDrain } from "../../../dist/flow/drain.js";
import { createReadRecords } from "../../../dist/flow/ready.js";
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
const reading = loadReading(config);
const read = createReadRecords({
  reading: () => reading,
  acknowledging: { systemAddress: "", canSend: () => false },
});
const onMessage = layers >= 2 ? await acceptIntoJournal() : async () => ({ reply: REPLIES.stored, onAnswered() {} });
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
  onMessage,
  onSession: () => {},
  onRefused: console.error,
  onError: () => {},
  onReply: () => {},
});

async function acceptIntoJournal() {
  const journal = await openJournal({
    directory: `${directory}/journal`,
    maxBytes: config.journalMaxBytes,
    onFault: console.error,
  });
  if (layers >= 3) await drainInto(journal);
  const room = { has: () => true, promised() {}, broken() {} };
  return createAccept({
    reading: () => reading,
    systemAddress: "",
    turns: createTurns(Number.POSITIVE_INFINITY),
    store: { journal },
    rooms: { quarantine: room, bounces: room, aside: { has: () => true } },
    recordId: newRecordId,
    read,
    replyTo: () => REPLIES.stored,
    observer: tellEach([], console.error),
  });
}

/** The drain, with nothing behind it. */
async function drainInto(journal) {
  // Nothing is drained before it is known into which Redis.
  await journal.tellRedis("bench bench bench");
  let done = 0;
  startDrain({
    journal,
    read,
    aside: { mayGo: () => true, look: async () => {}, leave: async () => {}, use: () => ({ records: 0, bytes: 0 }) },
    publish: async (records) => records.map(() => ({ earlierJob: null })),
    onPublished(some) {
      done += some.length;
    },
    onPublishedAgain() {},
    onFault: console.error,
    onTrouble: console.error,
    onRecovered() {},
  });
  process.on("message", () => process.send(done));
}
