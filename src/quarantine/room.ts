/**
 * The room in quarantine: bounded, so that a peer gone wrong cannot fill Redis, and
 * shared out, so that it cannot take the others' room.
 */

/** How much is in quarantine, for all peers or for one. */
export interface QuarantineUse {
  readonly messages: number;
  /** Size of the kept jobs, with the messages in base64. */
  readonly bytes: number;
}

/** The facts of one message that are counted. */
export interface KeptMessage {
  /** The name of its peer. */
  readonly peer: string;
  readonly bytes: number;
}

/** The messages by the ids of their jobs. */
export type QuarantineContents = ReadonlyMap<string, KeptMessage>;

/** A peer whose messages find no room. */
export interface QuarantineRefusal {
  readonly peer: string;
  /** When its first message was turned away, and its last: milliseconds since 1970. */
  readonly since: number;
  readonly last: number;
}

/**
 * Keeps count of the quarantine between two measurements, and shares it out: no peer
 * has more than half of what the others leave. So a peer that fills its share leaves as
 * much to all others, and the next one that fills its share leaves half of that.
 */
export interface QuarantineRoom {
  /** Whether a peer's message of this many bytes may be kept. */
  has(peer: string, bytes: number): boolean;
  /**
   * Whether a message that has been answered 250 may come now: there is a place for it, or it has one already,
   * because it was tried or has arrived before. Never before the first measurement: after each start as much as was
   * there would find room once more.
   */
  takes(id: string, message: KeptMessage): boolean;
  isCounted(): boolean;
  /** A message was turned away. True when it is its peer's first since there was room for it. */
  refused(peer: string, bytes: number): boolean;
  /** A message was promised a place, and is on its way there. `id` is the id of its record, and will be its job's. */
  promised(id: string, message: KeptMessage): void;
  /** A message that was promised a place will not come. */
  broken(id: string): void;
  /** A message has arrived, promised or not. */
  arrived(id: string, message: KeptMessage): void;
  measured(contents: QuarantineContents): void;
  use(): QuarantineUse;
  useOf(peer: string): QuarantineUse;
  /** Peers whose messages find no room. */
  refusals(): readonly QuarantineRefusal[];
  /** Peers that hold this part of their share, or more. */
  fillers(part: number): readonly string[];
}

/**
 * `processes` is how many give out the same room. No process knows what the others have given
 * out since the last measurement, so each takes the others for as busy as itself.
 */
export function createQuarantineRoom(maxMessages: number, maxBytes: number, processes = 1): QuarantineRoom {
  let measured: QuarantineContents = new Map();
  let isCounted = false;
  /** Messages on their way, or arrived and perhaps not measured yet; each stays for so many measurements more. */
  const coming = new Map<string, { readonly message: KeptMessage; measurements: number }>();
  let known = createTally();
  /** The part of `known` that only this process knows. */
  let unmeasured = createTally();
  const refusals = new Map<string, QuarantineRefusal & { readonly bytes: number }>();

  function count(message: KeptMessage, messages: 1 | -1): void {
    known.count(message, messages);
    unmeasured.count(message, messages);
  }

  function recount(): void {
    known = createTally();
    unmeasured = createTally();
    for (const message of measured.values()) known.count(message, 1);
    for (const [id, { message }] of coming) if (!measured.has(id)) count(message, 1);
  }

  /** How much may be there by now, including what the other processes may have given out. */
  function supposed(peer?: string): QuarantineUse {
    const [here, elsewhere] = [known.use(peer), unmeasured.use(peer)];
    return {
      messages: here.messages + (processes - 1) * elsewhere.messages,
      bytes: here.bytes + (processes - 1) * elsewhere.bytes,
    };
  }

  function has(peer: string, bytes: number): boolean {
    const [all, own] = [supposed(), supposed(peer)];
    if (all.messages >= maxMessages || all.bytes + bytes > maxBytes) return false;
    // Half of a single place is none, so the last place would stay empty for ever.
    if (own.messages === 0) return true;
    const left = { messages: maxMessages - all.messages + own.messages, bytes: maxBytes - all.bytes + own.bytes };
    return own.messages + processes <= left.messages / 2 && own.bytes + processes * bytes <= left.bytes / 2;
  }

  return {
    has,
    takes: (id, { peer, bytes }) => isCounted && (coming.has(id) || measured.has(id) || has(peer, bytes)),
    isCounted: () => isCounted,
    refused(peer, bytes) {
      const [before, now] = [refusals.get(peer), Date.now()];
      refusals.set(peer, {
        peer,
        since: before?.since ?? now,
        last: now,
        bytes: Math.min(before?.bytes ?? bytes, bytes),
      });
      return before === undefined;
    },
    promised(id, message) {
      // A message that was recovered from the journal may be in it twice, or may have arrived before.
      if (!coming.has(id) && !measured.has(id)) count(message, 1);
      coming.set(id, { message, measurements: Number.POSITIVE_INFINITY });
    },
    broken(id) {
      const entry = coming.get(id);
      coming.delete(id);
      if (entry && !measured.has(id)) count(entry.message, -1);
    },
    arrived(id, message) {
      if (!coming.has(id) && !measured.has(id)) count(message, 1);
      coming.set(id, { message, measurements: MEASURED_BY });
    },
    measured(contents) {
      measured = contents;
      isCounted = true;
      for (const [id, entry] of coming) {
        entry.measurements -= 1;
        if (entry.measurements === 0) coming.delete(id);
      }
      recount();
      for (const [peer, { bytes, last }] of refusals) {
        if (has(peer, bytes) || Date.now() - last > FORGOTTEN_MS) refusals.delete(peer);
      }
    },
    use: () => known.use(),
    useOf: (peer) => known.use(peer),
    refusals: () => [...refusals.values()].map(({ peer, since, last }) => ({ peer, since, last })),
    fillers: (part) =>
      known.peers().filter((peer) => {
        const [all, own] = [known.use(), known.use(peer)];
        // A single place is a share too, as in `has`.
        const messages = Math.max(1, Math.floor((maxMessages - all.messages + own.messages) / 2));
        const bytes = (maxBytes - all.bytes + own.bytes) / 2;
        return own.messages >= messages * part || own.bytes >= bytes * part;
      }),
  };
}

const NOTHING: QuarantineUse = { messages: 0, bytes: 0 };
/** A relay comes again within that time, or it has given up. */
const FORGOTTEN_MS = 3_600_000;
/** The measurement under way may have begun before the message arrived; the next one has seen it. */
const MEASURED_BY = 2;

/** Sums by peer, and of all. */
function createTally() {
  let all = NOTHING;
  const uses = new Map<string, QuarantineUse>();
  return {
    count({ peer, bytes }: KeptMessage, messages: 1 | -1): void {
      all = plus(all, bytes, messages);
      uses.set(peer, plus(uses.get(peer) ?? NOTHING, bytes, messages));
    },
    use: (peer?: string): QuarantineUse => (peer === undefined ? all : (uses.get(peer) ?? NOTHING)),
    /** The peers that hold something. */
    peers: (): readonly string[] => [...uses].filter(([, { messages }]) => messages > 0).map(([peer]) => peer),
  };
}

function plus(use: QuarantineUse, bytes: number, messages: 1 | -1): QuarantineUse {
  return { messages: use.messages + messages, bytes: use.bytes + bytes * messages };
}
