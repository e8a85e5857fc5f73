/** From when on something is a reason, in milliseconds. */
export interface ReasonTimes {
  readonly lagMs: number;
  readonly notTakenMs: number;
  readonly abandonedMs: number;
  readonly quarantineFullMs: number;
  /** Until when it is one, in this case. */
  readonly emptiedMs: number;
  readonly silentFromStartMs: number;
  readonly silentMs: number;
}

export const REASON_TIMES: ReasonTimes = {
  /** A record that waits longer while Redis answers means that the queue does not keep up. */
  lagMs: 60_000,
  /** Longer than a consumer's restart, or than one event should take it. */
  notTakenMs: 60_000,
  /** Longer than a consumer's upgrade: events are late by then. */
  abandonedMs: 600_000,
  /** Longer than a person takes to replay what is there. */
  quarantineFullMs: 60_000,
  /** A person looks once a day. */
  emptiedMs: 86_400_000,
  /** A small carrier has nothing to say for minutes; and whoever starts mm4d to try it should see that it is well. */
  silentFromStartMs: 3_600_000,
  /** Every carrier has some report a day. */
  silentMs: 86_400_000,
};
