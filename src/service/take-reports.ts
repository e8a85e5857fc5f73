/** Opens the door to relays: joins what happens to a message before its 250, and listens for SMTP. */
import type { Acknowledgements } from "../acknowledgement/acknowledgements.ts";
import { BOUNDS } from "../bounds/bounds.ts";
import { createAccept } from "../flow/accept.ts";
import type { Observer } from "../flow/observer.ts";
import type { ReadRecords } from "../flow/ready.ts";
import { createTurns } from "../flow/turns.ts";
import type { Releaser } from "../process/releasers.ts";
import { newRecordId } from "../queue/publisher.ts";
import type { Config } from "../settings/config.ts";
import type { Listener } from "../smtp/listener.ts";
import { replyTo } from "../smtp/reply-to.ts";
import type { Foundations } from "./foundations.ts";
import type { SecondHalf } from "./second-half.ts";
import { listenForSmtp } from "./start-listeners.ts";

export interface TakeReportsOptions {
  readonly config: Config;
  readonly foundations: Pick<Foundations, "files" | "quarantine" | "monitors">;
  readonly acknowledgements: Pick<Acknowledgements, "systemAddress" | "bounceRoom">;
  readonly secondHalf: Pick<SecondHalf, "store" | "aside">;
  readonly read: ReadRecords;
  readonly observer: Observer;
}

/** Rejects with a sentence when it cannot be listened there. */
export async function takeReports(
  { config, foundations, acknowledgements, secondHalf, read, observer }: TakeReportsOptions,
  releasers: Releaser[],
): Promise<Listener> {
  const { files, quarantine, monitors } = foundations;
  const { metrics, refusals } = monitors;
  const onMessage = createAccept({
    reading: files.reading,
    systemAddress: acknowledgements.systemAddress,
    turns: createTurns(BOUNDS.messagesTurnMs.value),
    store: secondHalf.store,
    rooms: { quarantine, bounces: acknowledgements.bounceRoom, aside: secondHalf.aside },
    recordId: newRecordId,
    read,
    replyTo,
    observer,
  });
  return listenForSmtp({ config, files, onMessage, metrics, refusals }, releasers);
}
