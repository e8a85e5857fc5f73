/**
 * Where the log goes: stdout, without ever waiting for whoever reads it. What is not
 * read at once waits here, bounded; what is beyond is lost, counted, and told of once
 * the reader is back. Files are written at once, as they never keep anybody waiting.
 */
import { constants, fstatSync, openSync, writeSync } from "node:fs";
import { BOUNDS } from "../bounds/bounds.ts";

export interface LogOutput {
  /** Takes a line with its end; never waits, never throws. */
  write(line: string): void;
  /** Lines that were lost so far. */
  lost(): number;
}

/** Some lines that are written in one piece, as other processes of the service write to the same pipe. */
interface Piece {
  text: string;
  lines: number;
  bytes: number;
}

/** See pipe(7): no more is written in one piece. */
const PIPE_BUF = 4_096;
/** Of a file the system lets one process write at a time. */
const MOST_TO_FILE = 65_536;
const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 50;
/**
 * At the end of the process: for how long we wait for a reader that takes nothing, and for how long at most for any
 * reader.
 */
const STALLED_MS = 1_000;
const LONGEST_FLUSH_MS = 10_000;
const LOOKED_AT_EVERY_MS = 5;

/** `tell` is asked to write the line that says how many were lost. */
export function openLogOutput(tell: (lost: number) => void, fd = openWithoutWaiting()): LogOutput {
  const most = fstatSync(fd).isFile() ? MOST_TO_FILE : PIPE_BUF;
  const waiting: Piece[] = [];
  let waitingBytes = 0;
  /** What is left of the piece that is being written; null when nothing of it was taken yet. */
  let rest: Uint8Array | null = null;
  let lost = 0;
  let untold = 0;
  let telling = false;
  /** Whether the last piece was taken, which shows that the reader is there. */
  let taken = false;
  let pauseMs = 0;
  let planned = false;

  function write(line: string): void {
    const bytes = Buffer.byteLength(line);
    if (waitingBytes + bytes > BOUNDS.logWaiting.value && !telling) {
      lose(1);
      return;
    }
    add(line, bytes);
    if (planned) return;
    planned = true;
    // Lines of one turn of the event loop go together, because one write for each line would cost more than
    // everything else here.
    setImmediate(writeOut);
  }

  function add(line: string, bytes: number): void {
    const last = waiting.at(-1);
    waitingBytes += bytes;
    if (last && last.bytes + bytes <= most && (rest === null || waiting.length > 1)) {
      last.text += line;
      last.lines += 1;
      last.bytes += bytes;
      return;
    }
    // A reader that keeps up is given the pieces of a long turn while that lasts.
    if (last && pauseMs === 0) writeAll();
    waiting.push({ text: line, lines: 1, bytes });
  }

  function writeOut(): void {
    writeAll();
    if (untold > 0 && taken && waitingBytes < BOUNDS.logWaiting.value / 2) tellLost();
    planned = waiting.length > 0;
    if (planned) setTimeout(writeOut, pauseMs).unref();
  }

  /** False when the reader does not keep up. */
  function writeAll(): boolean {
    for (let piece = waiting[0]; piece !== undefined; piece = waiting[0]) {
      try {
        // As a text, because most pieces are taken whole, and a buffer for each would be collected.
        const bytes = rest === null ? writeSync(fd, piece.text) : writeSync(fd, rest);
        taken = true;
        if (bytes < (rest?.length ?? piece.bytes)) {
          rest = (rest ?? Buffer.from(piece.text)).subarray(bytes);
          continue;
        }
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code === "EAGAIN") {
          pauseMs = Math.min(Math.max(FIRST_PAUSE_MS, 2 * pauseMs), LONGEST_PAUSE_MS);
          return false;
        }
        // The disk is full, say, or the reader has gone. That does not end the service.
        taken = false;
        lose(piece.lines);
      }
      rest = null;
      waitingBytes -= piece.bytes;
      waiting.shift();
      pauseMs = 0;
    }
    return true;
  }

  function lose(lines: number): void {
    lost += lines;
    untold += lines;
  }

  function tellLost(): void {
    const lines = untold;
    untold = 0;
    telling = true;
    tell(lines);
    telling = false;
  }

  /** At the end of the process there is no event loop left to hold. */
  function writeLast(): void {
    if (untold > 0) tellLost();
    const beganMs = performance.now();
    let leftBytes = waitingBytes;
    let readAtMs = beganMs;
    while (!writeAll()) {
      const nowMs = performance.now();
      if (waitingBytes < leftBytes) [leftBytes, readAtMs] = [waitingBytes, nowMs];
      if (nowMs - readAtMs > STALLED_MS || nowMs - beganMs > LONGEST_FLUSH_MS) return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOKED_AT_EVERY_MS);
    }
  }
  process.on("exit", writeLast);

  return { write, lost: () => lost };
}

/**
 * Pipes and terminals are opened anew: whether a write waits is said of what was opened,
 * and others may have the same, the shell that started us among them. That cannot be done
 * with a socket, nor with another user's pipe; Node.js has those not wait as soon as it
 * is asked for process.stdout. A file, or a device such as /dev/full, keeps nobody waiting.
 */
function openWithoutWaiting(): number {
  const isTerminal = process.stdout.isTTY;
  if (!isTerminal && !fstatSync(STDOUT).isFIFO()) return STDOUT;
  try {
    return openSync(`/proc/self/fd/${STDOUT}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return STDOUT;
  }
}

const STDOUT = 1;
