/** `mm4d journal`: shows a person on call what the journal on the disk holds. It changes nothing there. */
import { existsSync } from "node:fs";
import { basename } from "node:path";
import type { Command } from "commander";
import { type Found, type Inspection, inspectJournal, type RecordState } from "../journal/inspect.ts";
import { receivedAtOf } from "../journal/record.ts";
import { SEVERAL } from "../journal/retention.ts";
import { segmentPath } from "../journal/segments.ts";
import type { ServiceFacts } from "../process/control.ts";
import { journalDirectory, journalShare, processDirectory, processNumbers } from "../process/directories.ts";
import { durationInWords, some } from "../text/quantities.ts";
import { describeDenied, type Found as FoundService, weightiest } from "./find-service.ts";
import { askService, followService } from "./running-service.ts";
import { loadSettings } from "./settings.ts";
import { jsonOf, print, printLine, printWrapped, tell } from "./terminal.ts";

export function addJournalCommand(program: Command): void {
  const journal = program
    .command("journal")
    .description("look into the journal on the disk, without changing it, whether the service runs or not")
    .addHelpText(
      "after",
      "\nWith several processes (MM4D_PROCESSES) each has a journal, and each is told;\nwith --json one document behind the other.",
    );
  journal
    .command("status")
    .description("tell what waits in the journal, since when, and what is kept there")
    .option("--json", "print it as JSON")
    .addHelpText(
      "after",
      `
While the service runs, the numbers may lag behind by a second or two; longer
while Redis refuses one report, for those behind it count as waiting too.`,
    )
    .action(status);
  journal
    .command("verify")
    .description("read every byte, check every checksum, and tell what is damaged")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      `
What a running service is just writing is no damage.

Exit code 0 when every record is whole, 1 when something is damaged, or was
written by a newer mm4d.`,
    )
    .action(verify);
  journal
    .command("export")
    .description("print every record, oldest first, as one line of JSON each")
    .option("--waiting", "only those that are not on the queue yet")
    .addHelpText(
      "after",
      `
A line holds segment, offset, state (waiting, on-queue or settled), id, kind,
and the event, or the message in base64. Telephone numbers are in full.

Damaged places are told on stderr; then the exit code is 1.`,
    )
    .action(exportRecords);
}

async function status({ json }: { json?: true }): Promise<void> {
  for (const [index, one] of (await looks()).entries()) {
    if (!json && index > 0) print("");
    await printStatus(one, json);
  }
}

async function printStatus({ directory, maxBytes, service, inspection }: Look, json?: true): Promise<void> {
  const { segments, cursor, setAside, newer } = inspection;
  const { waiting, oldestWaitingAt, onQueue, settled, damagedPlaces } = await count(inspection, service);
  const bytes = bytesOf(inspection);
  const redis = cursor?.redis ?? null;
  if (json) {
    const place = { directory, pid: service?.pid ?? null, segments: segments.length, bytes, maxBytes };
    const records = { waiting, oldestWaitingAt, onQueue, redis, settled };
    print(jsonOf({ ...place, ...records, damagedPlaces, setAside }, 2));
    return;
  }
  const percent = Math.round((bytes / maxBytes) * 100);
  const rows: readonly (readonly [label: string, text: string])[] = [
    ["Journal", directory],
    ["Service", service ? `running, process ${service.pid}` : "none answers: stopped, starting or stuck"],
    ["Size", `${bytes} of ${maxBytes} bytes (${percent} %), in ${some(segments.length, "segment")}`],
    ["Waiting", `${some(waiting, "record")} for the queue`],
    ["", oldestWaitingAt === null ? "" : `the oldest for ${ageOf(oldestWaitingAt)}, since ${oldestWaitingAt}`],
    ["On queue", `${some(onQueue, "record")}, kept here until Redis has held them for a minute`],
    ["Settled", `${some(settled, "record")}, safe on the queue, removed with their segment`],
    ...describeIdentity(redis),
    ["Damaged", damagedPlaces === 0 ? "nothing" : `${some(damagedPlaces, "place")}: mm4d journal verify tells them`],
    ["", newer.length === 0 ? "" : `${some(newer.length, "segment")} of a newer mm4d, which this one cannot read`],
    [
      "",
      setAside.files === 0
        ? ""
        : `set aside in damaged/: ${some(setAside.files, "file")}, ${some(setAside.bytes, "byte")}`,
    ],
  ];
  printWrapped(rows.filter(([, text]) => text !== "").map(([label, text]) => `${label.padEnd(10)}${text}`));
}

function describeIdentity(redis: string | null): readonly (readonly [label: string, text: string])[] {
  if (redis === null) return [["Redis", "none was seen yet"]];
  if (redis === SEVERAL) return [["Redis", "it has changed: what is kept here is being put on the queue again"]];
  return [["Redis", "by its run id and its replication id:"], ...redis.split(" ").map((id) => ["", id] as const)];
}

async function verify({ json }: { json?: true }): Promise<void> {
  for (const one of await looks()) await printVerified(one, json);
}

async function printVerified({ directory, service, inspection }: Look, json?: true): Promise<void> {
  const { segments, cursorDamaged, foreign, newer } = inspection;
  const places: Place[] = [];
  let records = 0;
  for await (const found of inspection.found()) {
    if (found.kind === "record") records += 1;
    else places.push(found);
  }
  const damage = places.filter((place) => !isUnderWay(place, service));
  const whole = damage.length === 0 && newer.length === 0;
  if (!whole) process.exitCode = 1;
  const bytes = bytesOf(inspection);
  if (json) {
    const rows = places.map((place) => ({ ...place, file: fileOf(place), damage: !isUnderWay(place, service) }));
    const totals = { whole, segments: segments.length, records, bytes };
    print(jsonOf({ directory, ...totals, places: rows, cursorDamaged, newer, foreign }, 2));
    return;
  }
  const damaged = damage.filter((place) => !isNewer(place));
  const byNewer = newer.length > 0 || damaged.length < damage.length;
  const verdict =
    damaged.length > 0
      ? `damaged in ${some(damaged.length, "place")}`
      : whole
        ? "every record is whole"
        : "this mm4d cannot read all of it";
  printWrapped([
    ...places.map((place) => describePlace(place, service)),
    ...(cursorDamaged ? [CURSOR_DAMAGED] : []),
    ...newer.map((name) => `${name}: a segment of a newer mm4d, which this one cannot read`),
    ...foreign.map((name) => `${name}: no file of mm4d, which leaves it alone`),
    ...meaningOf(damaged, byNewer),
    `${some(segments.length, "segment")}, ${some(records, "record")}, ${some(bytes, "byte")}: ${verdict}`,
  ]);
}

async function exportRecords({ waiting }: { waiting?: true }): Promise<void> {
  for (const one of await looks()) await printRecords(one, waiting);
}

async function printRecords({ service, inspection }: Look, waiting?: true): Promise<void> {
  for await (const found of inspection.found()) {
    if (found.kind === "record") {
      const { segment, offset, state, record } = found;
      if (!waiting || state === "waiting") await printLine(jsonOf({ segment, offset, state, ...record }));
    } else if (!isUnderWay(found, service)) {
      tell(describePlace(found, service));
      process.exitCode = 1;
    }
  }
}

interface Look {
  readonly directory: string;
  readonly maxBytes: number;
  /** The answer of the service on the directory; undefined when none answers. */
  readonly service: ServiceFacts | undefined;
  readonly inspection: Inspection;
}

/** Looks at the journal of each process of the service. */
async function looks(): Promise<readonly Look[]> {
  const { settings, found } = await followService(loadSettings("read the journal"));
  const config = found.kind === "running" ? settings.config : { ...settings.config, dataDir: dataDirOf(found) };
  const numbers = processNumbers(config.dataDir, config.processes);
  const maxBytes = journalShare(config.journalMaxBytes, config.processes);
  // A journal of a further process exists only once the service has run with so many processes.
  const there = numbers.filter((n) => n === 1 || existsSync(journalDirectory(processDirectory(config.dataDir, n))));
  return Promise.all(there.map((number) => look(processDirectory(config.dataDir, number), maxBytes)));
}

/** The directory of a service that does not answer: where it holds the socket, else the first place that has a journal. */
function dataDirOf({ looks }: Extract<FoundService, { kind: "none" }>): string {
  const [first] = looks;
  const most = weightiest(looks);
  const held = (["silent", "first-down", "unanswered"] as const).some((state) => state === most.state)
    ? most
    : undefined;
  const found = held ?? looks.find((one) => existsSync(journalDirectory(one.dataDir)));
  if (!found && most.state === "denied") throw new Error(`Cannot read the journal: ${describeDenied(most)}`);
  const { dataDir } = found ?? first;
  if (dataDir !== first.dataDir) tell(`Using the journal of the data directory ${dataDir}`);
  return dataDir;
}

async function look(dataDir: string, maxBytes: number): Promise<Look> {
  const directory = journalDirectory(dataDir);
  const service = await askService({ dataDir });
  try {
    return { directory, maxBytes, service, inspection: inspectJournal(directory) };
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const state =
      code === "ENOENT"
        ? `${directory} does not exist, must be in the data directory of a service (--data-dir, MM4D_DATA_DIR)`
        : message;
    throw new Error(`Cannot read the journal: ${state}`);
  }
}

/** How many records are in each state, and since when the oldest waits. */
async function count(inspection: Inspection, service: ServiceFacts | undefined) {
  const records: Record<RecordState, number> = { waiting: 0, "on-queue": 0, settled: 0 };
  let oldestWaitingAt: string | null = null;
  let damagedPlaces = 0;
  for await (const found of inspection.found()) {
    if (found.kind === "record") {
      records[found.state] += 1;
      // The oldest need not come first, because records that Redis refuses move to the end. RFC 3339 in UTC sorts as text.
      const at = receivedAtOf(found.record);
      if (found.state === "waiting" && (oldestWaitingAt === null || at < oldestWaitingAt)) oldestWaitingAt = at;
    } else if (!isUnderWay(found, service)) damagedPlaces += 1;
  }
  const { waiting, "on-queue": onQueue, settled } = records;
  return { waiting, oldestWaitingAt, onQueue, settled, damagedPlaces };
}

/** Bytes that are no record. */
type Place = Exclude<Found, { kind: "record" }>;

/** The end of the newest segment, while somebody writes there. */
function isUnderWay(place: Place, service: ServiceFacts | undefined): boolean {
  return place.kind === "torn" && place.newest && service !== undefined;
}

/** Its checksum fits. */
function isNewer({ kind }: Place): boolean {
  return kind === "unknown";
}

const STATES: Record<RecordState, string> = {
  waiting: "not on the queue yet",
  "on-queue": "on the queue already",
  settled: "safe on the queue already",
};

/** One line: where the damage is, how much, and of which kind. */
function describePlace(place: Place, service: ServiceFacts | undefined): string {
  const where = `${fileOf(place)}, byte ${place.offset}: ${some(place.bytes, "byte")}`;
  switch (place.kind) {
    case "damaged":
      return `${where} damaged, ${STATES[place.state]}`;
    case "unknown":
      return `${where} whole, of a kind that only a newer mm4d knows, ${STATES[place.state]}`;
    case "unreadable":
      return `${where} cannot be read (${place.reason}), ${STATES[place.state]}`;
    case "torn":
      return isUnderWay(place, service) ? `${where} just being written: no damage` : `${where} never written whole`;
  }
}

const CURSOR_DAMAGED =
  "cursor: cannot be read. The next start puts everything here on the queue again, under the same ids: no event is doubled that Redis still remembers";

const NEWER =
  "A newer mm4d wrote here. This one does not start before all of that is settled: start the newer one again, and keep reports from it until its journal is empty (mm4d journal status)";

/** What damage and the records of a newer mm4d mean for reports, and what to do. */
function meaningOf(damage: readonly Place[], byNewer: boolean): readonly string[] {
  if (damage.length === 0) return byNewer ? ["", NEWER, ""] : [];
  const torn = damage.filter(({ kind }) => kind === "torn");
  const others = damage.filter(({ kind }) => kind !== "torn");
  return [
    "",
    ...(byNewer ? [NEWER] : []),
    ...(others.some(({ state }) => state === "waiting")
      ? [
          "Damaged and not on the queue yet: these reports were answered 250 and are lost, unless the service that took them still runs and has them in memory. Do not stop it before nothing waits.",
        ]
      : []),
    ...(others.some(({ state }) => state !== "waiting")
      ? ["Damaged and on the queue: no report is lost, as long as Redis keeps it."]
      : []),
    ...(torn.length > 0
      ? ["Never written whole, as a crash leaves it: it was not answered 250, and its sender delivers it again."]
      : []),
    ...(damage.some(({ kind }) => kind === "unreadable")
      ? [
          "Cannot be read: mm4d does not start with such a segment. See to the disk and to the file's owner and mode, or move the file elsewhere.",
        ]
      : []),
    "To do: look at the disk, and keep a copy of this directory. When mm4d starts next, it sets damaged bytes aside in damaged/ and drains all others.",
    "",
  ];
}

function fileOf({ segment }: Place): string {
  return basename(segmentPath("", segment));
}

function bytesOf({ segments }: Inspection): number {
  return segments.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** In its two largest units, such as `2 h 5 min`. */
function ageOf(at: string): string {
  return durationInWords(Date.now() - Date.parse(at));
}
