/** What `mm4d doctor` finds of the data directory: whose it is, what room it has, how fast its disk is. */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fdatasyncSync,
  openSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { filesIn } from "../archive/files.ts";
import { archiveDirectory } from "../archive/places.ts";
import { unusable, userOf, whoseDirectory } from "../process/data-directory.ts";
import { archiveHoursOf, type Config } from "../settings/config.ts";
import { megabytes } from "../text/quantities.ts";
import { type Finding, type Findings, fault, inWords, ok, warning } from "./finding.ts";

const SYNC_WARNED_MS = 20;
const SYNCS = 20;
const SYNC_BYTES = 4_096;

/** The data directory of the running service, else the one that a service started here would have. */
export function lookAtDirectory(config: Config): Findings {
  const { dataDir, journalMaxBytes, accept } = config;
  const about = "data directory";
  const path = resolve(dataDir);
  const findings: Finding[] = [];
  try {
    findings.push(lookAtOwner(path));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return [ok(about, `${path} is made by the first start`)];
    const isDenied = (cause as NodeJS.ErrnoException).code === "EACCES";
    const text = unusable(path, cause as Error).message;
    return [fault(about, `${text}${isDenied ? ". Run doctor as the user that mm4d runs as" : ""}`)];
  }
  if (accept === "queue") return findings;

  const { bavail, bsize } = statfsSync(path);
  const free = bavail * bsize;
  findings.push(
    ...lookAtArchive(config, free),
    free >= journalMaxBytes
      ? ok("disk", `${megabytes(free)} free; the journal takes up to ${megabytes(journalMaxBytes)}`)
      : warning(
          "disk",
          `${megabytes(free)} free, and the journal may take ${megabytes(journalMaxBytes)}: reports get 451 when it is full. Make room, or lower MM4D_JOURNAL_MAX_BYTES`,
        ),
  );
  try {
    const ms = measureSync(path);
    findings.push(
      ms < SYNC_WARNED_MS
        ? ok("disk", `a synced write takes ${ms} ms`)
        : warning("disk", `a synced write takes ${ms} ms, and each 250 waits for one. Use a faster disk`),
    );
  } catch (cause) {
    findings.push(fault("disk", `cannot be written: ${inWords(cause)}. Reports get 451`));
  }
  return findings;
}

/** Throws when the directory cannot be read or cannot be used. */
function lookAtOwner(path: string): Finding {
  const about = "data directory";
  const stats = statSync(path);
  const own = process.getuid?.() ?? stats.uid;
  if (!stats.isDirectory()) throw new Error("it is no directory");
  accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  // Root may write everywhere, but the service may run as another user.
  const user = userOf(path) ?? (own === 0 ? stats.uid : own);
  if (stats.uid !== user) return warning(about, `${path} ${whoseDirectory(path)}`);
  if ((stats.mode & 0o077) !== 0) {
    return warning(about, `${path} can be read by others, and holds telephone numbers: chmod 700 ${path}`);
  }
  if (stats.uid !== own) return warning(about, `${path} belongs to another user; run mm4d as that one`);
  return ok(about, `${path}, of its owner alone`);
}

/** What is there counts: it is removed when the disk gets tight. */
function lookAtArchive(config: Config, free: number): Findings {
  const hours = archiveHoursOf(config);
  if (hours === 0) return [];
  const about = "archive";
  const directory = archiveDirectory(resolve(config.dataDir));
  const most = config.archiveMaxBytes;
  try {
    if (existsSync(directory)) accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    const files = filesIn(directory);
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    const is = `${megabytes(bytes)} of ${megabytes(most)}, of the last ${hours} h`;
    if (free + bytes >= most) return [ok(about, is)];
    return [
      warning(
        about,
        `${is}, and the disk has ${megabytes(free)} left: it ends sooner than was set. Make room, or lower MM4D_ARCHIVE_MAX_BYTES`,
      ),
    ];
  } catch (cause) {
    return [warning(about, `${directory} cannot be used: ${inWords(cause)}. Reports go on, and are not archived`)];
  }
}

/** The median, in milliseconds. */
function measureSync(directory: string): number {
  const path = join(directory, `doctor-${process.pid}.tmp`);
  const file = openSync(path, "wx", 0o600);
  try {
    const tookMs = Array.from({ length: SYNCS }, () => {
      const beganMs = performance.now();
      writeSync(file, Buffer.alloc(SYNC_BYTES));
      fdatasyncSync(file);
      return performance.now() - beganMs;
    });
    return Math.round((tookMs.sort((a, b) => a - b)[SYNCS / 2] ?? 0) * 100) / 100;
  } finally {
    closeSync(file);
    rmSync(path);
  }
}
