/** Threads that give way to the one that takes reports. */
import { constants, setPriority } from "node:os";

/**
 * Gives the thread that calls it a lower priority, or the lowest one. Linux has a priority for each thread; elsewhere it
 * would be that of the whole process, and nothing is done. Never throws.
 */
export function giveWay(to: "low" | "lowest"): void {
  if (process.platform !== "linux") return;
  const { PRIORITY_BELOW_NORMAL, PRIORITY_LOW } = constants.priority;
  try {
    setPriority(to === "low" ? PRIORITY_BELOW_NORMAL : PRIORITY_LOW);
  } catch {
    // The system does not let us: then it is as important as the others.
  }
}
