/**
 * smtp-server, and what becomes of the message. It does without the library's 100 ms before the greeting, in which it
 * looks for early talkers. Argument: JSON with `port` and
 *
 * - `redisPort`: parses the message with mailparser and adds a job before the 250, the obvious way; without
 *   one the message is read and thrown away;
 * - `key`, `cert`: PEM files, for STARTTLS.
 */
import { readFileSync } from "node:fs";
import { Queue } from "bullmq";
import { simpleParser } from "mailparser";
import { SMTPServer } from "smtp-server";
import { SMTPConnection } from "smtp-server/lib/smtp-connection.js";

const { port, redisPort, key, cert } = JSON.parse(process.argv[2]);
const queue = redisPort && new Queue("mm4-delivery-events", { connection: { host: "127.0.0.1", port: redisPort } });

SMTPConnection.prototype.init = function init() {
  this._setListeners(() => this.connectionReady());
};

const server = new SMTPServer({
  key: readFileSync(key),
  cert: readFileSync(cert),
  authOptional: true,
  disableReverseLookup: true,
  logger: false,
  onData(stream, _session, callback) {
    if (queue) {
      store(stream).then(() => callback(), callback);
      return;
    }
    stream.on("data", () => {});
    stream.on("end", () => callback());
  },
});
server.on("error", () => {});
server.listen(port, "127.0.0.1");

async function store(stream) {
  const { headers } = await simpleParser(stream);
  await queue.add("delivery-report", {
    transactionId: headers.get("x-mms-transaction-id"),
    messageId: headers.get("x-mms-message-id"),
    recipient: headers.get("from")?.text,
    originator: headers.get("to")?.text,
    date: headers.get("date"),
    status: headers.get("x-mms-mm-status-code"),
    statusText: headers.get("x-mms-status-text"),
    code: headers.get("x-internal-status-code"),
  });
}
