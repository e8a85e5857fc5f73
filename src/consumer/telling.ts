/**
 * Prints a consumer's failures, unless the program has its own listeners: one line at
 * once for each kind of error, then one a minute with the count; and one line each
 * when Redis goes away and when it is back.
 */
import type { DeliveryEvent } from "../delivery/event.ts";
import { maskAllNumbers, numberMasks, partiesOf } from "../text/masking.ts";
import { visible } from "../text/visible.ts";

export interface Telling {
  /** An attempt to handle an event failed; `last` when it is not tried again. */
  failed(event: DeliveryEvent | undefined, cause: unknown, last: boolean): void;
  /** An error that belongs to no event. */
  trouble(cause: unknown): void;
  /** There is a connection to Redis again. */
  connected(): void;
  /** Prints what was counted since the last line, and stops. */
  end(): void;
}

const MINUTE_MS = 60_000;
/** Further kinds share one line, because an error may have another text each time. */
const MAX_KINDS = 20;
const MAX_TEXT_LENGTH = 300;
/** Redis counts as back when a connection lasts that long. */
const STEADY_MS = 1_000;

/** One kind of error: what was counted since its last line. */
interface Kind {
  text: string;
  count: number;
  again: number;
  givenUp: number;
  eventId: string | null;
  /** Until it fires, this kind prints nothing more. */
  timer: Timer | undefined;
}

type Timer = ReturnType<typeof setTimeout>;

/** `say` prints one line. */
export function tellFailures(say = (line: string): void => console.error(line), everyMs = MINUTE_MS): Telling {
  const kinds = new Map<string, Kind>();
  const outage = tellOutage(say);

  function count(name: string, text: string, change: (kind: Kind) => void): void {
    const known = kinds.has(name) || kinds.size < MAX_KINDS;
    const key = known ? name : "others";
    const kind = kinds.get(key) ?? { text, count: 0, again: 0, givenUp: 0, eventId: null, timer: undefined };
    kinds.set(key, kind);
    kind.text = known ? text : `of other kinds, the last of them: ${text}`;
    kind.count += 1;
    change(kind);
    if (kind.timer === undefined) tell(key, kind);
  }

  function tell(key: string, kind: Kind): void {
    say(`mm4d/consumer: ${describe(kind)}`);
    Object.assign(kind, { count: 0, again: 0, givenUp: 0 });
    kind.timer = later(everyMs, () => {
      kind.timer = undefined;
      if (kind.count > 0) tell(key, kind);
      else kinds.delete(key);
    });
  }

  return {
    failed(event, cause, last) {
      const text = inWords(cause);
      count(`event ${alike(text)}`, maskFor(event)(text), (kind) => {
        kind.eventId = idOf(event);
        if (last) kind.givenUp += 1;
        else kind.again += 1;
      });
    },
    trouble(cause) {
      const text = inWords(cause);
      if (isOutage(cause, text)) outage.begin(text);
      else count(`trouble ${alike(text)}`, maskAllNumbers(text), () => {});
    },
    connected: outage.end,
    end() {
      outage.stop();
      for (const kind of kinds.values()) {
        clearTimeout(kind.timer);
        if (kind.count > 0) say(`mm4d/consumer: ${describe(kind)}`);
      }
      kinds.clear();
    },
  };
}

function describe({ text, count, again, givenUp, eventId }: Kind): string {
  const times = count === 1 ? "once" : `${count} times`;
  if (again + givenUp === 0) return `${times}: ${text}`;
  const became = [
    ...(again > 0 ? [count === 1 ? "it is tried again" : `${again} to be tried again`] : []),
    ...(givenUp > 0 ? [`${count === 1 ? "it was" : givenUp} given up (mm4d failed list)`] : []),
  ];
  return `an event failed ${times}: ${text}; ${count === 1 ? "" : "last "}event ${eventId ?? "unknown"}; ${became.join(", ")}`;
}

/** One line for an outage, however many connections break and however often each tries again. */
function tellOutage(say: (line: string) => void) {
  let sinceMs: number | null = null;
  let back: Timer | undefined;
  return {
    begin(text: string): void {
      clearTimeout(back);
      if (sinceMs !== null) return;
      sinceMs = performance.now();
      say(`mm4d/consumer: Redis is away: ${text}; it is tried again until it answers, and no event is lost`);
    },
    end(): void {
      clearTimeout(back);
      if (sinceMs === null) return;
      const awayMs = performance.now() - sinceMs;
      back = later(STEADY_MS, () => {
        sinceMs = null;
        say(`mm4d/consumer: Redis is back, after ${Math.round(awayMs / 1000)} s`);
      });
    },
    stop(): void {
      clearTimeout(back);
    },
  };
}

const OUTAGE_CODES =
  /^(?:ECONNREFUSED|ECONNRESET|ECONNABORTED|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|EHOSTDOWN|ENETUNREACH|ENETDOWN|EADDRNOTAVAIL|ENOENT)$/;
const OUTAGE_TEXTS =
  /^(?:LOADING |MASTERDOWN |READONLY |Connection is closed|Command timed out|connect |read |write |All sentinels are unreachable)/;

function isOutage(cause: unknown, text: string): boolean {
  const { code } = (cause ?? {}) as { readonly code?: unknown };
  return (typeof code === "string" && OUTAGE_CODES.test(code)) || OUTAGE_TEXTS.test(text);
}

/** A thrown value in one line. Some errors have no message, and some values are no errors. */
export function inWords(cause: unknown): string {
  const { name, message, code, errors } = (typeof cause === "object" && cause !== null ? cause : {}) as {
    readonly [key: string]: unknown;
  };
  const [first] = Array.isArray(errors) ? errors : [];
  const texts = [message, (first as Partial<Error> | undefined)?.message, code, name, asText(cause)];
  const text = texts.find((one) => typeof one === "string" && one.trim() !== "") as string | undefined;
  const [line] = [
    visible((text ?? "no reason").slice(0, 2 * MAX_TEXT_LENGTH))
      .replace(/\s+/g, " ")
      .trim(),
  ];
  return line.length <= MAX_TEXT_LENGTH ? line : `${line.slice(0, MAX_TEXT_LENGTH)}…`;
}

function asText(cause: unknown): string {
  try {
    return String(cause);
  } catch {
    return typeof cause;
  }
}

/** The text without the parts that differ between events: numbers, and ids made of them. */
function alike(text: string): string {
  return text.replace(/[0-9a-f-]+/gi, (run) => (/\d/.test(run) ? "#" : run));
}

/** Never fails, although a job may hold anything. */
function maskFor(event: DeliveryEvent | undefined): (text: string) => string {
  try {
    return event === undefined ? maskAllNumbers : numberMasks(partiesOf(event)).text;
  } catch {
    return maskAllNumbers;
  }
}

function idOf(event: DeliveryEvent | undefined): string | null {
  const id: unknown = event?.id;
  return typeof id === "string" ? inWords(id).slice(0, 64) : null;
}

/** A timer that does not keep the process from ending. */
function later(ms: number, then: () => void): Timer {
  const timer = setTimeout(then, ms);
  timer.unref();
  return timer;
}
