/** What reading, judging and explaining one report costs, against mailparser's simpleParser on the same bytes. */
import { simpleParser } from "mailparser";
import { ORDINARY_PEER } from "../../dist/delivery/peer-rules.js";
import { readEvent } from "../../dist/flow/read.js";
import { loadConfig } from "../../dist/settings/load.js";
import { loadReading } from "../../dist/settings/reading.js";
import { createMessage } from "./report-message.mjs";

const REPORTS = Number(process.argv[2]);
const BLOCKS = 10;

const message = createMessage("read");
const END_OF_DATA = ".\r\n".length;
const reading = loadReading(loadConfig({}).value.config);
const peer = { name: "bench", address: "127.0.0.1", helo: "bench", tls: null, user: null };
const ways = {
  mm4d: (bytes) => readEvent({ bytes, peer, rules: ORDINARY_PEER, receivedAt: new Date() }, reading),
  simpleParser: (bytes) => simpleParser(bytes),
};
const used = { mm4d: 0, simpleParser: 0 };

// The first block of each is for the compiler.
for (let block = 0; block <= BLOCKS; block++) {
  for (const [name, read] of Object.entries(ways)) {
    const messages = Array.from({ length: REPORTS / BLOCKS }, () => message(0).subarray(0, -END_OF_DATA));
    const before = process.cpuUsage();
    for (const bytes of messages) {
      const result = read(bytes);
      if (result instanceof Promise) await result;
    }
    const { user, system } = process.cpuUsage(before);
    if (block > 0) used[name] += (user + system) / REPORTS;
  }
}
process.stdout.write(JSON.stringify(used));
