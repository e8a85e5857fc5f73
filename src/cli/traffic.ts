/** What `mm4d send` shows for many messages: a bar while it sends, and the results. */
import type { AckResult } from "../simulator/expected-acks.ts";
import { percentile, type RelayResult } from "../simulator/relay.ts";
import { redraw, tell } from "./terminal.ts";

const BAR_WIDTH = 30;
const DRAWN_EVERY_MS = 100;

/** A bar on a terminal; elsewhere nothing. */
export function startProgress(total: number): { more(): void; end(): void } {
  if (!process.stderr.isTTY) return { more: () => {}, end: () => {} };
  const startedMs = performance.now();
  let done = 0;
  const draw = (): void => {
    const filled = Math.round((BAR_WIDTH * done) / total);
    const perSecond = Math.round((done * 1000) / (performance.now() - startedMs));
    const bar = `${"#".repeat(filled)}${"-".repeat(BAR_WIDTH - filled)}`;
    redraw(`[${bar}] ${done}/${total}  ${perSecond}/s`);
  };
  const timer = setInterval(draw, DRAWN_EVERY_MS);
  return {
    more: () => {
      done += 1;
    },
    end() {
      clearInterval(timer);
      draw();
      tell("");
    },
  };
}

/** The results of the whole run, as JSON. */
export function summaryOf({ sent, accepted, replies, broken, retries, gaveUp, tookMs, seconds }: RelayResult) {
  const at = (share: number): number | null => {
    const value = percentile(tookMs, share);
    return value === null ? null : Math.round(value * 100) / 100;
  };
  return {
    sent,
    accepted,
    seconds: Math.round(seconds * 100) / 100,
    replies: Object.fromEntries(replies),
    broken: Object.fromEntries(broken),
    retries,
    gaveUp,
    dataToReplyMs: { p50: at(0.5), p95: at(0.95), p99: at(0.99) },
  };
}

export function describeRun(summary: ReturnType<typeof summaryOf>): readonly string[] {
  const { sent, accepted, seconds, replies, broken, retries, gaveUp, dataToReplyMs } = summary;
  const perSecond = seconds === 0 ? sent : Math.round(sent / seconds);
  const ms = (value: number | null): string => (value === null ? "-" : `${value} ms`);
  return [
    `Sent ${sent} in ${seconds} s (${perSecond}/s), accepted ${accepted}, tried again ${retries} times`,
    `  replies: ${listed(replies)}`,
    ...(gaveUp ? ["  given up before the end: nobody answered"] : []),
    ...(Object.keys(broken).length > 0 ? [`  connections that broke: ${listed(broken)}`] : []),
    `  from the message to its reply: p50 ${ms(dataToReplyMs.p50)}, p95 ${ms(dataToReplyMs.p95)}, p99 ${ms(dataToReplyMs.p99)}`,
  ];
}

const MAX_SHOWN = 10;

export function describeAcks({ expected, right, missing, wrong, late, repeated, unexpected }: AckResult) {
  const more = (list: readonly string[]): readonly string[] =>
    list.length > MAX_SHOWN ? [`    and ${list.length - MAX_SHOWN} more`] : [];
  const troubles: readonly (readonly [number, string])[] = [
    [late, "late"],
    [missing.length, "missing"],
    [repeated, "repeated"],
    [unexpected, "for nothing that was sent"],
    [wrong.length, wrong.length === 1 ? "fault" : "faults"],
  ];
  const told = troubles.flatMap(([count, what]) => (count === 0 ? [] : [`${count} ${what}`]));
  return [
    `Acknowledgements: ${[`${expected} asked for`, `${right} right`, ...told].join(", ")}`,
    ...wrong.slice(0, MAX_SHOWN).map((fault) => `  wrong: ${fault}`),
    ...more(wrong),
    ...missing.slice(0, MAX_SHOWN).map((transaction) => `  missing: ${transaction}`),
    ...more(missing),
  ];
}

function listed(counts: Readonly<Record<string, number>>): string {
  const entries = Object.entries(counts);
  return entries.length === 0 ? "none" : entries.map(([what, count]) => `${count} × ${what}`).join(", ");
}
