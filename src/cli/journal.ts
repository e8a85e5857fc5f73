/** `mm4d journal`: shows a person on call what the journal on the disk holds. It changes nothing there. */
import type { Command } from "commander";
import type { Inspection, RecordState } from "../journal/inspect.ts";
import { receivedAtOf } from "../journal/record.ts";
import { SEVERAL } from "../journal/retention.ts";
import type { ServiceFacts } from "../process/control.ts";
import { durationInWords, some } from "../text/quantities.ts";
import { CURSOR_DAMAGED, describePlace, fileOf, isNewer, isUnderWay, meaningOf, type Place } from "./journal-damage.ts";
import { type ExportOptions, printRecords } from "./journal-export.ts";
import { type Look, looks } from "./journal-look.ts";
import { jsonOf, print, printWrapped } from "./terminal.ts";

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
while Redis refuses one report, or a message waits here for room in quarantine,
for those behind it count as waiting too.`,
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
    .option("--unread", "messages as they were said, without reading them")
    .addHelpText(
      "after",
      `
A line holds segment, offset, state (waiting, on-queue or settled), id, kind,
and the event, or the message in base64. A report is stored as it was said and
read now, by the rules of its peer at that time: behind its event, said holds
the envelope and what is kept of the message, one character a byte. The kind
message is another PDU, of which nothing is made; with --unread, every message.
Telephone numbers are in full.

Damaged places are told on stderr; then the exit code is 1.`,
    )
    .action(async (options: ExportOptions) => {
      for (const one of await looks()) await printRecords(one, options);
    });
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

function bytesOf({ segments }: Inspection): number {
  return segments.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** In its two largest units, such as `2 h 5 min`. */
function ageOf(at: string): string {
  return durationInWords(Date.now() - Date.parse(at));
}
