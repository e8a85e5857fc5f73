/**
 * Every reason why all may not be well, once: page, `mm4d status`, `mm4d doctor`,
 * `/healthz` and `mm4d_reason` say what stands here, and nothing else.
 *
 *   facts → the reasons that hold, each cause before its effects → one of three states
 *
 * Pure: times come with the facts. No two sentences that hold together contradict
 * each other: what one of them says depends on the others only through
 * {@link relaysNotice}, and a test goes through the grid of facts.
 */
import { durationInWords, some } from "../text/quantities.ts";
import { type HealthFacts, isQueued } from "./health.ts";
import {
  costsReports,
  isAbandoned,
  isEvents,
  isNotTaken,
  isQueuedAlready,
  oldestMs,
  redisAnswers,
  seenQueues,
  share,
} from "./judging.ts";
import type { ArchiveTrouble } from "./log.ts";
import { REASON_TIMES, type ReasonTimes } from "./reason-times.ts";
import {
  filled,
  fullness,
  MOST_NAMED,
  named,
  notTaken,
  onIt,
  quoted,
  redisHasCaughtUp,
  shownName,
  sinceSet,
  size,
  waiting,
} from "./reason-words.ts";

/**
 * `needs-attention`: every report that can be read is taken, though one that cannot may just have
 * found no room in quarantine; a person must look all the same, by day.
 */
export type State = "well" | "needs-attention" | "not-well";

/** One reason that holds, in one sentence. */
export interface Reason {
  readonly name: string;
  readonly state: Exclude<State, "well">;
  readonly text: string;
  /** What to do. */
  readonly remedy: string;
}

/** From this part of either limit on, or of a peer's share of it, somebody should look into the quarantine before it is full. */
export const NEARLY_FULL = 0.9;
/** Fewer jobs that are tried again with one error are what a consumer's hiccup leaves. */
const MANY = 10;

interface ReasonRow {
  readonly name: string;
  /** What is so, for docs/operating.md. */
  readonly means: string;
  readonly state: Exclude<State, "well">;
  /** Whether relays hear 451 by it, for every report, so that no traffic should come here. */
  readonly unready?: (facts: HealthFacts) => boolean;
  /** Whether a relay can notice it at all. */
  readonly noticed?: (facts: HealthFacts) => boolean;
  /** What is so, a sentence each; none when nothing is. */
  readonly sentences: (facts: HealthFacts, times: ReasonTimes) => readonly string[];
  /** What to do, for docs/operating.md and `mm4d doctor`. */
  readonly remedy: string;
}

const always = (): boolean => true;
/** Without a journal in which reports could wait. */
const inQueueMode = ({ needsRedis }: HealthFacts): boolean => needsRedis;

/** What goes on. Of damage the log tells, and nothing is to be waited for. */
const ARCHIVE_SAYS: Readonly<Partial<Record<ArchiveTrouble, string>>> = {
  "take-failed": "What is done with cannot be put into the archive, and is not kept",
  "pack-failed": "What is done with cannot be packed for the archive, and waits there",
  "given-up": "The disk is nearly full: the oldest of the archive is removed before its time",
  behind: "More is done with than can be packed for the archive: the oldest of that is not kept",
};

/** Causes stand before their effects: Redis, journal, processes, settings, quarantine, queues, peers. */
const ROWS = [
  {
    name: "stopping",
    means: "it was told to stop, and takes no new connections",
    state: "not-well",
    unready: always,
    noticed: always,
    sentences: ({ stopping }) => (stopping ? ["The service is being stopped"] : []),
    remedy: "Wait for its end, and start it again",
  },
  {
    name: "redis-away",
    means: "Redis does not answer; reports wait in the journal, and in queue mode they get 451",
    state: "not-well",
    unready: inQueueMode,
    noticed: inQueueMode,
    sentences: (facts) => {
      const { redis, needsRedis } = facts;
      if (redis.awayMs === null || redis.cluster) return [];
      const away = `Redis has been away for ${durationInWords(redis.awayMs)} (${redis.fault})`;
      if (needsRedis) return [`${away}: reports get 451 until it is back`];
      return [`${away}: ${waiting(facts)}${relaysNotice(facts) ? "" : "; relays see no difference"}`];
    },
    remedy: "See to Redis and the network; then nothing else is needed",
  },
  {
    name: "redis-cluster",
    means:
      "Redis answers, and is a node of a Redis Cluster, which cannot be used; reports wait in the journal, and in queue mode they get 451",
    state: "not-well",
    unready: inQueueMode,
    noticed: inQueueMode,
    sentences: (facts) => {
      const { redis, needsRedis } = facts;
      if (redis.awayMs === null || !redis.cluster) return [];
      return [`${redis.fault?.replace(/^it /, "Redis ")}: ${needsRedis ? "reports get 451" : waiting(facts)}`];
    },
    remedy:
      "Waiting does not help: name a Redis without cluster mode in `REDIS_URL`, and start mm4d again. What waits in the journal is queued then",
  },
  {
    name: "redis-refuses-writes",
    means: "Redis answers, and takes no writes",
    state: "not-well",
    unready: inQueueMode,
    noticed: inQueueMode,
    sentences: (facts) => {
      const { redis, needsRedis } = facts;
      if (redis.awayMs !== null || redis.fault === null) return [];
      const refuses = `Redis refuses writes (${redis.fault})`;
      return [needsRedis ? `${refuses}: reports get 451 until it takes them` : `${refuses}: ${waiting(facts)}`];
    },
    remedy: "It is full, a replica, or its disk fails: its own log says which",
  },
  {
    name: "redis-unsuitable",
    means: "Redis may evict jobs, forgets them at a restart, or is too old",
    state: "not-well",
    sentences: ({ redis }) => (redis.accepted ? [] : redis.unsuitable),
    remedy:
      "Set `maxmemory-policy noeviction` and `appendonly yes` in Redis; a managed one has them among its own settings. Where that cannot be, `MM4D_REDIS_CHECKS=warn` accepts it",
  },
  {
    name: "redis-accepted",
    means: "the same, and `MM4D_REDIS_CHECKS=warn` accepts it",
    state: "needs-attention",
    sentences: ({ redis }) =>
      redis.accepted ? redis.unsuitable.map((text) => `${text}. MM4D_REDIS_CHECKS=warn accepts that`) : [],
    remedy:
      "What Redis loses is lost: set it as it should be, or know it. A managed Redis has it among its own settings",
  },
  {
    name: "redis-emptied",
    means:
      "within the last day, what mm4d keeps in Redis was found to be gone: by FLUSHALL or FLUSHDB, by a restart of a Redis that keeps nothing on its disk, or because it is another Redis",
    state: "needs-attention",
    sentences: ({ now, needsRedis, redis: { emptiedAt } }, { emptiedMs }) => {
      const agoMs = emptiedAt === null ? Number.POSITIVE_INFINITY : Number(now) - Number(emptiedAt);
      if (agoMs >= emptiedMs) return [];
      const left = needsRedis ? "" : "; what the journal still held is queued again";
      return [
        `Redis was found emptied ${durationInWords(agoMs)} ago (FLUSHALL, or a restart without appendonly?): older events that nobody had consumed are lost${left}`,
      ];
    },
    remedy:
      "[Find who has done it](#redis-was-emptied), and give mm4d a Redis, or a user's rights, of its own. It is told for a day, or until mm4d is started again",
  },
  {
    name: "queue-refused",
    means: "in queue mode: Redis may evict, so nothing is put there, and reports get 451",
    state: "not-well",
    unready: always,
    noticed: always,
    sentences: ({ needsRedis, redis }) =>
      needsRedis && redisAnswers(redis) && redis.refusal !== null
        ? [`Nothing is put on the queue (${redis.refusal}): reports get 451 until that is corrected`]
        : [],
    remedy: "The reason before it says what to correct in Redis",
  },
  {
    name: "events-not-queued",
    means:
      "Redis answers, and reports cannot be put on the queue; they wait in the journal, and in queue mode they get 451",
    state: "not-well",
    noticed: inQueueMode,
    sentences: (facts) => {
      if (!redisAnswers(facts.redis) || facts.drainFault === null) return [];
      const cannot = `Events cannot be put on the queue (${facts.drainFault.message})`;
      return [facts.needsRedis ? `${cannot}: those reports get 451 until they can` : `${cannot}: ${waiting(facts)}`];
    },
    remedy: "[Get the queue going](#the-journal-is-not-draining)",
  },
  {
    name: "queue-slow",
    means: "a record has waited in the journal for more than a minute, though Redis answers",
    state: "not-well",
    sentences: (facts, { lagMs }) => {
      const waitsMs = oldestMs(facts);
      if (!redisAnswers(facts.redis) || facts.drainFault !== null || waitsMs <= lagMs) return [];
      return [`The queue does not keep up: ${waiting(facts)}, the oldest for ${durationInWords(waitsMs)}`];
    },
    remedy: "[Get the queue going](#the-journal-is-not-draining)",
  },
  {
    name: "journal-not-written",
    means: "the disk does not take the journal; reports get 451",
    state: "not-well",
    unready: always,
    noticed: always,
    sentences: ({ journal: { fault } }) =>
      fault === null
        ? []
        : [`The journal cannot be written (${fault.message}): reports get 451 until the data directory is in order`],
    remedy: "See to the disk of the data directory: space, rights, mount",
  },
  {
    name: "journal-full",
    means: "the journal, or that of every process, is full; reports get 451",
    state: "not-well",
    unready: always,
    noticed: always,
    sentences: (facts, times) => {
      if (!facts.full) return [];
      const { of, until } = fullness(facts, times);
      return [`The journal is full (${size(facts.journal)})${of}: reports get 451 until ${until}`];
    },
    remedy: "[Get the queue going](#the-journal-is-not-draining), or see who sends so much",
  },
  {
    name: "journals-full",
    means: "the journals of some processes are full; reports on their connections get 451",
    state: "not-well",
    noticed: always,
    sentences: (facts, times) => {
      const { count, full } = facts.processes;
      if (facts.full || full === 0) return [];
      const { of, until } = fullness(facts, times);
      return [
        `The journals of ${full} of ${count} processes are full${of}: reports on their connections get 451 until ${until}`,
      ];
    },
    remedy: "[Get the queue going](#the-journal-is-not-draining), or see who sends so much",
  },
  {
    name: "journal-share-full",
    means: "what one peer may have of the journal is used up; its reports get 451, and nobody else's",
    state: "not-well",
    noticed: always,
    sentences: (facts, times) => {
      const { journal, processes, full } = facts;
      if (full || journal.usedUp.length === 0) return [];
      const whose = journal.usedUp.length === 1 ? "its" : "their";
      const some = processes.count > 1 ? " on some connections" : "";
      const until = isQueuedAlready({ ...facts, fullOfQueued: isQueued(journal) }, times)
        ? `what ${journal.usedUp.length === 1 ? "it" : "they"} sent has been on the queue for a minute`
        : redisHasCaughtUp(facts);
      return [
        `What ${named(journal.usedUp)} may have of the journal is used up (in all ${size(journal)}; no peer has more than seven eighths of what the others leave): ${whose} reports${some} get 451 until ${until}`,
      ];
    },
    remedy: "[Get the queue going](#the-journal-is-not-draining), or ask the peer why it sends so much",
  },
  {
    name: "archive-failing",
    means: "reports that are done with cannot be archived, or not for as long as was set; reports go on",
    state: "needs-attention",
    sentences: ({ archive: { fault } }) => {
      const said = fault === null ? undefined : ARCHIVE_SAYS[fault];
      return said === undefined ? [] : [`${said}; reports go on`];
    },
    remedy: "See to the disk of the data directory: space, the rights of `archive/`. The log says why (`archive.…`)",
  },
  {
    name: "processes-missing",
    means: "of several processes, some do not answer",
    state: "not-well",
    // Its connections broke off.
    noticed: always,
    sentences: ({ processes: { count, missing } }) =>
      missing === 0
        ? []
        : [
            `${missing} of ${count} processes do not answer: what waits in their journals is queued when they are back. They are started again by themselves; the log tells why they ended (process.ended)`,
          ],
    remedy: "See the log for why they ended; a settings' file with a fault keeps them from starting",
  },
  {
    name: "settings-not-reloaded",
    means: "a file of the settings has a fault",
    state: "not-well",
    sentences: ({ settingsFaults }) => settingsFaults,
    remedy: "Mend the file (`mm4d peers check FILE`); until then what was in force before is",
  },
  {
    name: "certificate-expired",
    means: "relays that check it deliver nothing",
    state: "not-well",
    noticed: always,
    sentences: ({ certificateExpiresAt: at, now }) =>
      at === null || at > now
        ? []
        : [
            `The TLS certificate expired at ${at.toISOString()}: relays that check it deliver nothing until MM4D_TLS_CERT_FILE is renewed`,
          ],
    remedy: "[Renew it](#the-certificate-is-expiring)",
  },
  {
    name: "quarantine-full",
    means:
      "for a minute there has been no room for messages that cannot be read, and they get 451, or wait aside in the journal where only reading them has shown it; or so much of a peer waits there that its reports get 451 too",
    state: "not-well",
    noticed: always,
    sentences: ({ quarantine }, { quarantineFullMs }) => [
      ...(costsReports(quarantine, quarantineFullMs)
        ? [
            `The quarantine has had no room for messages of ${named(quarantine.refused.map(({ peer }) => peer))} for ${durationInWords(Math.max(...quarantine.refused.map(({ forMs }) => forMs)))} (in all ${filled(quarantine)}; no peer has more than half of what the others leave): those that cannot be read get 451, or wait aside in the journal`,
          ]
        : []),
      ...(quarantine.asideFull.length === 0
        ? []
        : [
            `Of ${named(quarantine.asideFull)} as much waits aside in the journal for room in quarantine as one peer may have there: ${quarantine.asideFull.length === 1 ? "its" : "their"} reports get 451 until there is room`,
          ]),
    ],
    remedy:
      "[Empty it](#the-quarantine-is-growing): `mm4d quarantine replay --all`; what makes no event even so is dropped by `mm4d quarantine drop --all --reason REASON`",
  },
  {
    name: "quarantine-nearly-full",
    means:
      "of its messages or its bytes, or of a peer's share of them, 90 % are used, or a peer has been refused just now",
    state: "needs-attention",
    sentences: ({ quarantine }, { quarantineFullMs }) => {
      if (costsReports(quarantine, quarantineFullMs) || quarantine.asideFull.length > 0) return [];
      const { refused } = quarantine;
      if (refused.length > 0) {
        const whose = named(refused.map(({ peer }) => peer));
        return [
          `The quarantine has no room for messages of ${whose} (in all ${filled(quarantine)}; no peer has more than half of what the others leave)`,
        ];
      }
      if (share(quarantine) < NEARLY_FULL) {
        if (quarantine.fillers.length === 0) return [];
        return [
          `What ${named(quarantine.fillers)} may have of the quarantine is nearly used up (in all ${filled(quarantine)}): what cannot be read of it is kept as long as there is room`,
        ];
      }
      return [
        `The quarantine is ${share(quarantine) < 1 ? "nearly full" : "full"} (${filled(quarantine)}): what cannot be read is kept as long as there is room`,
      ];
    },
    remedy: "[Empty it](#the-quarantine-is-growing) before messages that cannot be read get 451",
  },
  {
    name: "queue-paused",
    means: "somebody has paused a queue in BullMQ: no consumer takes anything from it",
    state: "needs-attention",
    sentences: (facts) =>
      seenQueues(facts)
        .filter(({ paused }) => paused)
        .map(
          (queue) =>
            `The queue ${shownName(queue)} is paused: ${onIt(queue)}, and nothing is taken until it is resumed`,
        ),
    remedy: "Resume it where it was paused: in a dashboard, or by `queue.resume()` of BullMQ",
  },
  {
    name: "events-abandoned",
    means: "events have waited for ten minutes, none was taken, and nobody connected is at work on others",
    state: "not-well",
    sentences: (facts, times) =>
      seenQueues(facts)
        .filter((queue) => isAbandoned(queue, times))
        .map(notTaken),
    remedy: "[Start the consumers](#the-oldest-waiting-job-is-too-old), or resume the queue",
  },
  {
    name: "events-not-taken",
    means: "events have waited for a minute, and none was taken",
    state: "needs-attention",
    sentences: (facts, times) =>
      seenQueues(facts)
        .filter((queue) => isEvents(queue) && isNotTaken(queue, times) && !queue.paused && !isAbandoned(queue, times))
        .map(notTaken),
    remedy:
      "[Start the consumers](#the-oldest-waiting-job-is-too-old), or see why those that are connected take nothing",
  },
  {
    name: "events-retrying",
    means: "ten or more events that are tried again have failed with one error, which is quoted",
    state: "needs-attention",
    sentences: (facts) =>
      seenQueues(facts)
        .filter(isEvents)
        .flatMap((queue) => {
          const { retrying, jobs } = queue;
          if (retrying === null || retrying.alike < MANY) return [];
          const events = `${some(jobs.delayed ?? 0, "event")} of the queue ${shownName(queue)} wait to be tried again`;
          return [
            `${events}; of ${retrying.lookedAt} looked at, ${retrying.alike} failed alike: ${quoted(retrying.error)}`,
          ];
        }),
    remedy: "Mend what the error names; consumers try again by themselves until they give up",
  },
  {
    name: "events-failed",
    means: "consumers gave up on events, which stand in the failed set",
    state: "needs-attention",
    sentences: (facts) =>
      seenQueues(facts)
        .filter(isEvents)
        .flatMap((queue) => {
          const { failed = 0 } = queue.jobs;
          if (failed === 0 || queue.failures === null) return [];
          const { firstAt, error } = queue.failures;
          const since = `the first ${durationInWords(facts.now.getTime() - firstAt.getTime())} ago`;
          return [
            `Consumers gave up on ${some(failed, "event")} of the queue ${shownName(queue)}, ${since}; the last failed with ${quoted(error)} (${queue.main ? "" : `MM4D_QUEUES= MM4D_QUEUE=${shownName(queue)} `}mm4d failed list)`,
          ];
        }),
    remedy: "Mend what the error names, then `mm4d failed retry --all` gives them back to consumers",
  },
  {
    name: "acknowledgements-not-taken",
    means: "acknowledgements have waited for a minute, and mm4d has taken none",
    state: "needs-attention",
    sentences: (facts, times) =>
      seenQueues(facts)
        .filter((queue) => !isEvents(queue) && isNotTaken(queue, times) && !queue.paused)
        .map(notTaken),
    remedy:
      "[See to acknowledgements](#acknowledgements-are-failing): without a peer with `acknowledge.host`, mm4d sends none",
  },
  {
    name: "mmsc-unreachable",
    means:
      "a peer's MMSC could not be used when it was tried last, within the last hour, or put off three acknowledgements in a row",
    state: "needs-attention",
    sentences: ({ mmscs, now }) => {
      const failing = mmscs.flatMap(({ peer, failing }) => (failing === null ? [] : [{ peer, ...failing }]));
      const more = failing.length - MOST_NAMED;
      return [
        ...failing
          .slice(0, MOST_NAMED)
          .map(
            ({ peer, since, reason }) =>
              `The MMSC of ${peer} has taken no acknowledgement for ${durationInWords(now.getTime() - since.getTime())}: ${quoted(reason)}`,
          ),
        ...(more > 0 ? [`${more} more MMSCs of peers take no acknowledgements`] : []),
      ];
    },
    remedy: "[Mend the way to it](#acknowledgements-are-failing): `mm4d peers test NAME`",
  },
  {
    name: "peer-silent",
    means:
      "a peer that is set has sent no report since the start, or since a reload set it, an hour ago or longer, or for a day. What it sent to another replica on the same Redis counts",
    state: "needs-attention",
    sentences: ({ peers, now }, times) => {
      const never = peers.filter(({ lastAt, knownMs }) => lastAt === null && knownMs >= times.silentFromStartMs);
      const longAgo = peers.filter(
        ({ lastAt }) => lastAt !== null && now.getTime() - lastAt.getTime() >= times.silentMs,
      );
      const fromStart = never.filter(({ reloaded }) => !reloaded);
      const startMs = Math.max(...fromStart.map(({ knownMs }) => knownMs));
      return [
        ...(fromStart.length === 0
          ? []
          : [
              `No report has come from ${named(fromStart.map(({ name }) => name))} since mm4d was started, ${durationInWords(startMs)} ago`,
            ]),
        ...sinceSet(never.filter(({ reloaded }) => reloaded)),
        ...(longAgo.length === 0
          ? []
          : [
              `No report has come from ${named(longAgo.map(({ name }) => name))} for ${durationInWords(times.silentMs)} or longer`,
            ]),
      ];
    },
    remedy:
      "[See whether it reaches us](#a-peer-is-silent): `mm4d refusals`. A peer that has no traffic any more: take it out of the peers",
  },
] as const satisfies readonly ReasonRow[];

/** Of every reason: for `mm4d_reason`, the alerts and the table of docs/operating.md. */
export const REASONS: readonly Pick<ReasonRow, "name" | "means" | "state" | "remedy">[] = ROWS;

/** What is so, a sentence each, each cause before its effects; empty when all is well. */
export function reasonsOf(facts: HealthFacts, times: ReasonTimes = REASON_TIMES): readonly Reason[] {
  return ROWS.flatMap(({ name, state, remedy, sentences }) =>
    (sentences as ReasonRow["sentences"])(facts, times).map((text) => ({ name, state, text, remedy })),
  );
}

/** Why no traffic should come here; empty when it may. */
export function notReady(facts: HealthFacts): readonly string[] {
  return (ROWS as readonly ReasonRow[])
    .filter(({ unready }) => unready?.(facts))
    .flatMap(({ sentences }) => sentences(facts, REASON_TIMES));
}

/** The worst of them. */
export function stateOf(reasons: readonly Pick<Reason, "state">[]): State {
  if (reasons.some(({ state }) => state === "not-well")) return "not-well";
  return reasons.length === 0 ? "well" : "needs-attention";
}

/** Whether something holds that a relay hears of: then none of it may be denied. */
function relaysNotice(facts: HealthFacts): boolean {
  const soon = { ...REASON_TIMES, quarantineFullMs: 0 };
  return (ROWS as readonly ReasonRow[]).some(
    ({ noticed, sentences }) => noticed?.(facts) && sentences(facts, soon).length > 0,
  );
}
