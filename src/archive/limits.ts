/**
 * How the archive's limit is shared, so that it holds at any moment over all processes: the files have three quarters,
 * what waits to be packed an eighth, and the file that is being written the last one.
 */

/** What may wait to be packed, of all processes, in bytes. */
export function waitingRoom(maxBytes: number): number {
  return Math.min(Math.floor(maxBytes / 8), MOST_WAITING_BYTES);
}

/** What the files may take, in bytes. */
export function roomOfFiles(maxBytes: number): number {
  return maxBytes - 2 * waitingRoom(maxBytes);
}

/** The largest segment, in bytes, that leaves its place to others while it waits. */
export function segmentRoom(maxBytes: number): number {
  return Math.floor(waitingRoom(maxBytes) / 2);
}

/** Half a minute of reports at full rate. */
const MOST_WAITING_BYTES = 128 * 1024 * 1024;
