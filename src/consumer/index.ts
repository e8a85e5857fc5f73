/**
 * `mm4d/consumer`, for downstream workers: the types of the event, a typed worker, a
 * guard against applying an event twice, and the order guard.
 */

export type { DeliveryEvent, EventData, EventType, Reason } from "../delivery/event.ts";
export type { Party } from "../delivery/party.ts";
export type { Disposition, Outcome, Stage } from "../delivery/verdict.ts";
export { type ConsumeOptions, type Consumption, consume, GiveUp, RetryLater } from "./consume.ts";
export { type Once, once, redisOnce } from "./once.ts";
export { shouldApply } from "./should-apply.ts";
