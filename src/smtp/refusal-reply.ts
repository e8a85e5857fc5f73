/** What a client that was refused heard. */
import { REPLIES, type SmtpReply } from "./replies.ts";

/** The reply that goes with a reason, or in words why there was none; the reason itself where it is another version's. */
export function replyToRefused(reason: string): string {
  const reply = Object.values(REPLIES).find((row: SmtpReply) => row.reason === reason);
  return reply ? `${reply.code} ${reply.text}` : (SILENT[reason] ?? reason);
}

/** Refusals that have no reply, because the connection is closed without a word. */
const SILENT: Readonly<Record<string, string>> = {
  "tls-handshake": "the TLS handshake failed; no word of ours would have been understood",
  flood: "too many connections of strangers, or far beyond MM4D_MAX_CLIENTS; closed without a word",
  "proxy-header": "a balancer in MM4D_PROXIES sent no PROXY header that can be read; closed without a word",
};
