/** How a peer's messages are acknowledged. */
export interface Acknowledging {
  /** `auto`: when it asks. */
  readonly mode: "off" | "auto" | "always";
  /** Our own address. */
  readonly systemAddress: string;
  /** Whether a response could be sent that goes where its message says; null for nowhere. */
  readonly canSend: (to: string | null) => boolean;
}
