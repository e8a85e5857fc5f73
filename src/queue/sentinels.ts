/** Asks the sentinels which Redis is the master, and says why they name none. */
import { type Redis, type SentinelConnectionOptions, SentinelConnector } from "ioredis";
import { brokenOff, isBroken, redisFault, SENTINEL, SentinelsError } from "./redis-faults.ts";

type Connect = SentinelConnector["connect"];
interface Address {
  readonly host?: string;
  readonly port?: number;
}
/** Private parts of ioredis. */
interface Insides {
  readonly options: SentinelConnectionOptions;
  readonly failoverDetector: { cleanup(): void } | null;
  connectToSentinel(address: Address, options?: object): Redis;
}

const NO_MASTER = "it knows no master of this name";

/**
 * ioredis's own connector, with two changes.
 *
 * The failover detector ends with the connection that it watches. ioredis 5.11 leaves it listening:
 * if it hears of the new master while a sentinel is being asked, it breaks that question off, and
 * ioredis takes this for a wish to end for ever.
 *
 * Each sentinel's own reason is told. ioredis names only the last sentinel that could not be asked, and
 * says that its connection was closed even if the sentinel had said that the password is wrong.
 */
export class MasterConnector extends SentinelConnector {
  /** By sentinel, from the last round of questions. */
  readonly #reasons = new Map<string, string>();

  constructor(options: unknown) {
    super(options as SentinelConnectionOptions);
    const insides = this as unknown as Insides;
    const connectToSentinel = insides.connectToSentinel.bind(insides);
    insides.connectToSentinel = (address, ...rest) => {
      const client = connectToSentinel(address, ...rest);
      const tls = Boolean(insides.options.sentinelTLS);
      client.on("error", (cause: Error) => {
        const reason = isBroken(cause) ? brokenOff(tls, cause.message) : redisFault(cause, SENTINEL);
        this.#keep(`${address.host}:${address.port}`, reason);
      });
      return client;
    };
  }

  override connect(emit: Parameters<Connect>[0]): ReturnType<Connect> {
    const insides = this as unknown as Insides;
    insides.failoverDetector?.cleanup();
    this.#reasons.clear();
    return super.connect((type, cause) => {
      if (type === "sentinelError") this.#keepAsked(cause.message);
      const isEnd = type === "error" && cause.message.startsWith("All sentinels are unreachable");
      emit(type, isEnd ? new SentinelsError(this.#inWords(insides.options.name ?? "")) : cause);
    });
  }

  #keep(sentinel: string, reason: string): void {
    // The first reason is the cause; the errors that follow from it say less.
    if (!this.#reasons.has(sentinel)) this.#reasons.set(sentinel, reason);
  }

  /** Reads ioredis's two texts. By then the reasons that came over a sentinel's connection are known. */
  #keepAsked(text: string): void {
    const [, refusing, why = ""] = /^failed to connect to sentinel (\S+) because (.*)$/s.exec(text) ?? [];
    if (refusing !== undefined) {
      this.#keep(refusing, why.includes("No such master") ? NO_MASTER : redisFault(new Error(why), SENTINEL));
    }
    const [, answering] = /^connected to sentinel (\S+) successfully, but got an invalid reply/.exec(text) ?? [];
    if (answering !== undefined) this.#keep(answering, NO_MASTER);
  }

  #inWords(master: string): string {
    const bySentinels = new Map<string, string[]>();
    for (const [sentinel, reason] of this.#reasons) {
      bySentinels.set(reason, [...(bySentinels.get(reason) ?? []), sentinel]);
    }
    this.#reasons.clear();
    if (bySentinels.size === 1 && bySentinels.has(NO_MASTER)) {
      return `the sentinels know no master "${master}": see to MM4D_REDIS_MASTER, or whether MM4D_REDIS_SENTINELS are those that watch it`;
    }
    const each = [...bySentinels].map(([reason, sentinels]) => `${sentinels.join(", ")}: ${reason}`).join("; ");
    return `no sentinel tells which Redis is the master "${master}" (${each || "none is set"}; MM4D_REDIS_SENTINELS, MM4D_REDIS_MASTER)`;
  }
}
