/**
 * `npm run bench:archive -- [REPORTS]`: what reading an archive takes. Writes one of so many reports (a million), of
 * two processes over three days, and runs `mm4d archive` on it: bytes a report, times, and what is resident.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { BLOCK_BYTES, packBlock } from "../../dist/archive/blocks.js";
import { archiveDirectory, dayOf, nameOfFile } from "../../dist/archive/places.js";
import { ORDINARY_PEER } from "../../dist/delivery/peer-rules.js";
import { encodeRecord, scanRecords } from "../../dist/journal/record.js";

const REPORTS = Number(process.argv[2] ?? 1_000_000);
const PROCESSES = 2;
const HOURS = 72;
const START = Date.parse("2026-01-02T00:00:00.000Z");
const MINUTE_MS = 60_000;
const MAIN = new URL("../../dist/main.js", import.meta.url).pathname;
const ENTRY = { rules: ORDINARY_PEER, acknowledge: { mode: "auto", host: null, to: null } };
const STATUSES = [
  ["Retrieved", null],
  ["Retrieved", null],
  ["Retrieved", null],
  ["Rejected", 470],
  ["Expired", 902],
];
const directory = mkdtempSync(join(tmpdir(), "mm4d-bench-archive-"));

try {
  const bytes = write();
  console.log(`${REPORTS} reports in ${HOURS} h: ${bytes} bytes, ${(bytes / REPORTS).toFixed(1)} a report`);
  const hour = ["--since", "2026-01-03T12:00Z", "--until", "2026-01-03T13:00Z"];
  await measured("archive status", ["archive", "status"]);
  await measured("an hour, CSV", ["archive", "export", ...hour]);
  await measured("an hour, JSON", ["archive", "export", "--json", ...hour]);
  await measured("an hour of one of four peers", ["archive", "export", "--peer", "carrier-2", ...hour]);
  await measured("one message id in all", [
    "archive",
    "list",
    "--since",
    "2026-01-01",
    "--message-id",
    "none@mms.example.net",
  ]);
  await measured("all, CSV", ["archive", "export"]);
  // What it holds does not grow with what it reads.
  await measured("all, CSV, with 48 MB of heap", ["archive", "export"], ["--max-old-space-size=48"]);
} finally {
  rmSync(directory, { recursive: true });
}

/** One file a minute and process, as the service leaves them. */
function write() {
  const minutes = HOURS * 60;
  const each = Math.ceil(REPORTS / minutes / PROCESSES);
  let bytes = 0;
  let written = 0;
  for (let minute = 0; minute < minutes; minute += 1) {
    for (let process = 1; process <= PROCESSES; process += 1) {
      const count = Math.min(each, REPORTS - written);
      if (count === 0) return bytes;
      bytes += writeFile(minute, process, written, count);
      written += count;
    }
  }
  return bytes;
}

function writeFile(minute, process, from, count) {
  const records = Array.from({ length: count }, (_, at) =>
    packable(from + at, START + minute * MINUTE_MS + Math.floor((MINUTE_MS * at) / count)),
  );
  const blocks = [];
  let held = BLOCK_BYTES;
  for (const record of records) {
    if (held >= BLOCK_BYTES) {
      blocks.push([]);
      held = 0;
    }
    blocks.at(-1).push(record);
    held += record.json.length;
  }
  const content = Buffer.concat(blocks.map((block) => packBlock(block)));
  const [firstMs, lastMs] = [records[0].receivedMs, records.at(-1).receivedMs];
  const mark = crc32(records[0].json).toString(16).padStart(8, "0");
  const day = join(archiveDirectory(directory), dayOf(firstMs));
  mkdirSync(day, { recursive: true });
  writeFileSync(join(day, nameOfFile({ firstMs, lastMs, process, segment: minute + 1, mark })), content);
  return content.length;
}

function packable(index, receivedMs) {
  const receivedAt = new Date(receivedMs).toISOString();
  const random = createHash("sha256").update(String(index)).digest("hex");
  const said = messageOf(random, new Date(receivedMs));
  const record = {
    id: `j${random.slice(0, 32)}`,
    kind: "message",
    message: {
      sessionId: random.slice(32, 48),
      peer: { name: `carrier-${index % 4}`, address: "192.0.2.1", helo: "mmsc.example.net", tls: null, user: null },
      entry: ENTRY,
      mailFrom: "system-user@mmsc.example.net",
      receivedAt,
      recognised: "report",
      bytes: said.length,
      said,
    },
  };
  const [{ json }] = scanRecords(encodeRecord(record));
  const became = {
    at: new Date(receivedMs + 12).toISOString(),
    kind: "queued",
    eventId: `r${random.slice(32)}`,
    outcome: "delivered",
    duplicateOf: null,
    reason: null,
    acknowledged: true,
  };
  return { json, receivedMs, became: JSON.stringify(became) };
}

/** Some 800 bytes, of which ids and numbers are told by nothing else, as from a carrier. */
function messageOf(random, date) {
  const number = Number.parseInt(random.slice(0, 12), 16);
  const [status, code] = STATUSES[number % STATUSES.length];
  return [
    `Received: from mmsc1.carrier.example.net (mmsc1.carrier.example.net [192.0.2.10]) by relay.carrier.example.net`,
    `From: +1202555${String(number % 10_000).padStart(4, "0")}/TYPE=PLMN@mms.carrier.example.net`,
    `To: +1202556${String((number >> 3) % 10_000).padStart(4, "0")}/TYPE=PLMN@mms.example.net`,
    "Subject: Delivery report",
    `Date: ${date.toUTCString().replace("GMT", "+0000")}`,
    `Message-ID: <${random.slice(0, 20)}@carrier.example.net>`,
    "Sender: system-user@carrier.example.net",
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=us-ascii",
    "X-Mms-3GPP-MMS-Version: 6.10.0",
    "X-Mms-Message-Type: MM4_delivery_report.REQ",
    `X-Mms-Transaction-ID: "${random.slice(20, 36)}"`,
    `X-Mms-Message-ID: "${random.slice(36, 60)}@mms.example.net"`,
    `X-Mms-MM-Status-Code: ${status}`,
    ...(code === null ? [] : [`X-Internal-Status-Code: ${code}`]),
    "X-Mms-Ack-Request: Yes",
    "",
    "",
  ].join("\r\n");
}

/** Runs a command, reads its output to the end, and prints its time, its lines and the most that was resident. */
async function measured(what, args, ofNode = []) {
  const began = performance.now();
  const child = spawn(process.execPath, [...ofNode, MAIN, "--data-dir", directory, ...args], {
    env: { PATH: process.env.PATH },
    stdio: ["ignore", "pipe", "ignore"],
  });
  let lines = 0;
  let most = 0;
  const look = setInterval(() => {
    most = Math.max(most, residentOf(child.pid));
  }, 50);
  child.stdout.on("data", (chunk) => {
    for (const byte of chunk) if (byte === 0x0a) lines += 1;
  });
  const [code] = await once(child, "close");
  clearInterval(look);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(
    `${what}: ${seconds} s, ${lines} lines, ${Math.round(most / 1024)} MB resident at most, exit code ${code}`,
  );
}

/** In kilobytes, the most until now; 0 for a process that has ended. */
function residentOf(pid) {
  try {
    return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
