/** Tells the log of reasons: of each when it begins, and when it has been over for a while. */
import { createOutage, type Outage, type OutageFacts } from "./outage.ts";
import type { Reason } from "./reasons.ts";

export interface ReasonsToldOptions {
  readonly onBegin: (reason: Reason) => void;
  readonly onEnd: (name: string, outage: OutageFacts) => void;
  /** How long a reason must be over before the log says so, in milliseconds. */
  readonly steadyMs?: number;
}

export interface ReasonsTold {
  /** Takes the reasons that hold now. Called every few seconds. */
  tell(reasons: readonly Reason[]): void;
  stop(): void;
}

/** Reasons for which the log has no line of their own: what happens in Redis, and what does not come. */
export const TOLD: readonly string[] = [
  "certificate-expired",
  "quarantine-full",
  "quarantine-nearly-full",
  "queue-paused",
  "events-abandoned",
  "events-not-taken",
  "events-retrying",
  "events-failed",
  "acknowledgements-not-taken",
  "peer-silent",
];

export function createReasonsTold({ onBegin, onEnd, steadyMs }: ReasonsToldOptions): ReasonsTold {
  const outages = new Map<string, Outage<Reason>>();

  function outageOf(name: string): Outage<Reason> {
    const known = outages.get(name);
    if (known) return known;
    const outage = createOutage<Reason>({
      onBegin,
      onEnd: (facts) => onEnd(name, facts),
      ...(steadyMs === undefined ? {} : { steadyMs }),
    });
    outages.set(name, outage);
    return outage;
  }

  return {
    tell(reasons) {
      for (const name of TOLD) {
        const reason = reasons.find((one) => one.name === name);
        if (reason) outageOf(name).begin(reason);
        else outages.get(name)?.end();
      }
    },
    stop() {
      for (const outage of outages.values()) outage.stop();
    },
  };
}
