/**
 * Where each process of a service keeps its journal. The first one uses the data
 * directory itself, as if it were alone. The others use `processes/2`,
 * `processes/3`, … below it. A process that replaces a dead one takes its number,
 * and with it the journal.
 */
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";

export function processDirectory(dataDir: string, number: number): string {
  return number === 1 ? resolve(dataDir) : join(resolve(dataDir), "processes", String(number));
}

export function journalDirectory(processDir: string): string {
  return join(processDir, "journal");
}

/** How large each journal of `count` processes may be, because they share the disk. Never below a journal's minimum. */
export function journalShare(maxBytes: number, count: number): number {
  return Math.max(LEAST_JOURNAL_BYTES, Math.floor(maxBytes / count));
}

const LEAST_JOURNAL_BYTES = 1_048_576;

/** The numbers of the first `count` processes, and of earlier ones with higher numbers whose journals are not empty. */
export function processNumbers(dataDir: string, count: number): readonly number[] {
  const first = Array.from({ length: count }, (_, index) => index + 1);
  const left = furtherNumbers(dataDir).filter(
    (number) => number > count && hasSegments(processDirectory(dataDir, number)),
  );
  return [...first, ...left.sort((a, b) => a - b)];
}

/** The directories of all processes but the first, now or before. None when they cannot be read. */
export function furtherDirectories(dataDir: string): readonly string[] {
  try {
    return furtherNumbers(dataDir).map((number) => processDirectory(dataDir, number));
  } catch {
    return []; // A command that looks for a service there reports the fault when it asks the socket.
  }
}

/** No more processes have a directory. */
export const MOST_PROCESSES = 99;

/** The data directory that a process's directory belongs to. */
export function dataDirOf(processDir: string): string {
  return processDir.replace(/\/processes\/[1-9]\d?$/, "");
}

/** The numbers of all processes but the first, now or before. Throws when they cannot be read. */
export function furtherNumbers(dataDir: string): readonly number[] {
  const names = filesIn(join(resolve(dataDir), "processes"));
  return names.filter((name) => /^[1-9]\d?$/.test(name)).map(Number);
}

function hasSegments(directory: string): boolean {
  return filesIn(journalDirectory(directory)).some((file) => file.endsWith(".journal"));
}

/** No files when the directory does not exist. */
function filesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw cause;
  }
}
