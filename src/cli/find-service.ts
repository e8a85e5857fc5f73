/** Finds the service that runs on this machine, and says where it looked when there is none. */
import { existsSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { ServiceFacts } from "../process/control.ts";
import { ownName } from "./own-name.ts";
import { describeHolder, findHolder, type Holder } from "./port-holder.ts";
import { type ReachedPlace, reachPlace } from "./reach-place.ts";
import type { Settings } from "./settings.ts";
import { tell } from "./terminal.ts";
import { readUnitSettings, type UnitSettings } from "./unit-settings.ts";

/** A data directory where a service may be. */
export interface Place {
  readonly dataDir: string;
  /** Why we look there. */
  readonly because: string;
  /** The users whose service we trust there; null for all, because the caller or root has named the place. */
  readonly owners: ReadonlySet<number> | null;
}

/** A place where nothing answered. */
export interface Look extends Place {
  readonly state: Exclude<ReachedPlace["kind"], "answered">;
  /** Its owner, if that can be told. */
  readonly uid: number | null;
}

export type Found =
  | { readonly kind: "running"; readonly dataDir: string; readonly facts: ServiceFacts; readonly elsewhere: boolean }
  | {
      readonly kind: "none";
      readonly looks: readonly [Look, ...Look[]];
      readonly unit: UnitSettings | null;
    };

/** In other places a directory of this name is probably no data directory of mm4d. */
const IN_CONTAINERS = "as in a container";

/** The place that systemd and the documents use. Only root can have made it and chosen its owner. */
const UNDER_SYSTEMD: Place = { dataDir: "/var/lib/mm4d", because: "as under systemd", owners: null };

/** The first service that answers at the places where one may be. */
export async function findService(settings: Settings): Promise<Found> {
  const { places, unit } = placesOf(settings);
  const reached = await Promise.all(places.map(({ dataDir, owners }) => reachPlace(dataDir, owners)));
  for (const [index, { dataDir }] of places.entries()) {
    const one = reached[index];
    if (one?.kind !== "answered") continue;
    const facts = one.answer as ServiceFacts;
    const elsewhere = index > 0;
    return { kind: "running", dataDir, facts, elsewhere };
  }
  const looks = places.map((place, index): Look => {
    const one = reached[index];
    const state = one === undefined || one.kind === "answered" ? "absent" : one.kind;
    return { ...place, state, uid: one?.kind === "foreign" ? one.uid : ownerOf(place.dataDir) };
  });
  return { kind: "none", looks: looks as [Look, ...Look[]], unit };
}

let told = false;

/** Says once where the service is, unless its place was named. */
export function tellFound(found: Found): void {
  if (told || found.kind === "none" || !found.elsewhere) return;
  tell(`Using the mm4d at ${found.dataDir}, pid ${found.facts.pid}`);
  told = true;
}

/** A place that was named is the only one. Otherwise the first is where a service started here would be. */
export function placesOf({ config, origins }: Settings, root = "/"): { places: Place[]; unit: UnitSettings | null } {
  const dataDir = resolve(config.dataDir);
  if (origins.dataDir !== "default") {
    return { places: [{ dataDir, because: SAID[origins.dataDir], owners: null }], unit: null };
  }
  const unit = readUnitSettings(root);
  const owners = ownersFor(unit);
  const own = { dataDir, because: "./data", owners };
  const byUnit =
    unit.dataDir === null ? [] : [{ dataDir: unit.dataDir.path, because: unit.dataDir.file, owners: null }];
  const places = new Map<string, Place>();
  for (const place of [own, ...byUnit, UNDER_SYSTEMD, { dataDir: "/data", because: IN_CONTAINERS, owners }]) {
    if (!places.has(place.dataDir)) places.set(place.dataDir, place);
  }
  return { places: [...places.values()], unit };
}

/** Our own user, and root, who may do anything to us anyway; for root also the unit's user. Null on systems without users. */
function ownersFor({ uid }: UnitSettings): ReadonlySet<number> | null {
  const own = process.geteuid?.();
  if (own === undefined) return null;
  return new Set([own, ROOT, ...(own === ROOT && uid !== null ? [uid] : [])]);
}

const ROOT = 0;

const SAID = { "command line": "--data-dir", environment: "MM4D_DATA_DIR", file: "MM4D_DATA_DIR of --env-file" };

/** The sentences for a person who expected a service, the most important first. */
export function describeNone(found: Extract<Found, { kind: "none" }>, { config, origins }: Settings): string {
  const look = weightiest(found.looks);
  const others = found.looks.length > 1;
  const isNamed = origins.dataDir !== "default";
  const holder = holderFor(config.smtpHost, portsOf(found, config.smtpPort, origins.smtpPort === "default"));
  // It runs, although its socket was removed or is closed already.
  const isThere = look.state === "absent" && holder?.holder.process?.dataDir === look.dataDir;
  const isUnknown = look.state === "absent" && !isThere;
  return [
    SENTENCES[isThere ? "unanswered" : look.state]({ ...look, uid: runnerOf(look, holder?.holder) }),
    ...(others ? [`Looked at ${found.looks.map(describeLook).join(", ")}`] : isUnknown ? missing(look) : []),
    ...(found.unit?.unreadable ?? []).map(({ file, why }) => `${file} cannot be read: ${why}`),
    ...(holder === null ? [] : [describeHeld(holder, look.dataDir)]),
    ...(isUnknown && holder === null
      ? [`Start it with "${ownName()} serve"${isNamed ? "" : ", or name its data directory with --data-dir"}`]
      : []),
  ].join(". ");
}

/** The place that tells most: a service is there, or may be. */
export function weightiest(looks: readonly [Look, ...Look[]]): Look {
  for (const state of ["silent", "first-down", "unanswered", "denied", "foreign"] as const) {
    const look = looks.find((one) => one.state === state && (state !== "denied" || one.because !== IN_CONTAINERS));
    if (look) return look;
  }
  return looks[0];
}

const SENTENCES: Readonly<Record<Look["state"], (look: Look) => string>> = {
  silent: ({ dataDir }) =>
    `the mm4d on the data directory ${dataDir} does not answer, must be looked at: it is stopped by a signal, stuck or overloaded`,
  "first-down": ({ dataDir }) =>
    `the mm4d on the data directory ${dataDir} cannot be asked now: its first process, which answers for all, is down, and is being started again unless the service is ending; process.ended in the log says why`,
  unanswered: ({ dataDir }) =>
    `the mm4d on the data directory ${dataDir} is starting or ending, must be asked again later`,
  denied: (look) => describeDenied(look),
  foreign: ({ dataDir, because, uid }) =>
    `the data directory ${dataDir} (${because}) belongs to uid ${uid}, and was not asked: if it is meant, name it with --data-dir ${dataDir}`,
  absent: ({ dataDir, because }) => `no mm4d is running on the data directory ${dataDir} (${because})`,
};

/** Then we cannot tell whether it runs. */
export function describeDenied({ dataDir, uid }: Look): string {
  const who = uid === null ? "the user that the service runs as" : `uid ${uid}`;
  return `permission denied on ${join(dataDir, "control.sock")}: run it as ${who}`;
}

const STATES: Readonly<Record<Look["state"], string>> = {
  silent: "it does not answer",
  "first-down": "its first process is down",
  unanswered: "it is starting or ending",
  denied: "permission denied",
  foreign: "it is another user's",
  absent: "none is there",
};

function describeLook(look: Look): string {
  const { dataDir, because, state, uid } = look;
  const who = (state === "denied" || state === "foreign") && uid !== null ? `: uid ${uid}'s` : "";
  return `${dataDir} (${because}: ${STATES[state]}${who})`;
}

function missing({ dataDir }: Look): readonly string[] {
  return existsSync(dataDir) ? [] : ["There is no such directory"];
}

interface Held {
  readonly port: number;
  readonly holder: Holder;
}

export function holderFor(host: string, ports: readonly number[]): Held | null {
  for (const port of ports) {
    const holder = port === 0 ? null : findHolder(host, port);
    if (holder !== null) return { port, holder };
  }
  return null;
}

/** The port in our settings; when none is set, also the unit's. */
function portsOf({ unit }: Extract<Found, { kind: "none" }>, own: number, isDefault: boolean): readonly number[] {
  const theirs = Number(unit?.smtpPort ?? 0);
  return isDefault && Number.isInteger(theirs) && theirs > 0 ? [own, theirs] : [own];
}

/** Says where another mm4d is, and how to ask it. */
export function describeHeld({ port, holder }: Held, lookedAt: string): string {
  const dataDir = holder.process?.dataDir ?? null;
  const held = `Port ${port} is held by ${describeHolder(holder)}`;
  if (dataDir === null || dataDir === lookedAt) return held;
  return `${held}, an mm4d on ${dataDir}: ask that one with --data-dir ${dataDir}`;
}

const GROUP_WRITES = 0o020;

/**
 * The user who runs the mm4d that may be there. A directory that is a group's, such as a volume, may have another
 * owner: then it is the owner of the socket, and when that cannot be seen, the user who holds the port.
 */
export function runnerOf({ dataDir, uid }: Pick<Look, "dataDir" | "uid">, holder: Holder | undefined): number | null {
  if (holder === undefined || existsSync(join(dataDir, "control.sock"))) return uid;
  try {
    return (statSync(dataDir).mode & GROUP_WRITES) === 0 ? uid : holder.uid;
  } catch {
    return uid; // We may not look at it.
  }
}

/** The owner of the directory, or of the first directory above it that we may look at: become that user or root to see more. */
function ownerOf(dataDir: string): number | null {
  for (const path of [join(dataDir, "control.sock"), dataDir]) {
    try {
      return statSync(path).uid;
    } catch {} // It does not exist, or we may not look at it.
  }
  const above = dirname(dataDir);
  return above === dataDir ? null : ownerOf(above);
}
