/** Tries the MMSC of a peer for a person: on the command line, and on the page. */
import type { Peer } from "../smtp/peer.ts";
import { probe } from "./probe.ts";

/** What came of it, a line each. Rejects with a sentence when the MMSC cannot be reached, or there is none. */
export async function reachMmsc(peers: readonly Peer[], name: string, hostname: string): Promise<readonly string[]> {
  const peer = peers.find((known) => known.name === name);
  if (!peer) throw new Error(`Cannot test "${name}": there is no such peer (mm4d peers list)`);
  const { acknowledge } = peer;
  const { host, port } = acknowledge;
  if (host === null) throw new Error(`Cannot test "${name}": its entry has no acknowledge.host, must have one`);
  const startedMs = performance.now();
  const found = await probe({ ...acknowledge, host }, hostname).catch((cause: Error) => {
    throw new Error(cause.message);
  });
  const { greeting, tls, withoutTlsBecause, user, offersLogin } = found;
  return [
    `${host}:${port} answers in ${Math.round(performance.now() - startedMs)} ms: ${greeting}`,
    tls === null
      ? `  without TLS${withoutTlsBecause === null ? "" : `, because ${withoutTlsBecause}. So go its acknowledgements, unless the entry has "tls": "required"`}`
      : `  with ${tls.protocol}, ${tls.cipher}; certificate of ${tls.subject} until ${tls.expiresAt}, ${tls.fault === null ? "trusted" : `not trusted (${tls.fault})`}`,
    user !== null
      ? `  logged in as ${user}${tls === null ? ", and the password went without TLS" : ""}`
      : acknowledge.auth === null || offersLogin
        ? "  without a login"
        : `  without a login: it offers none${tls === null ? " without TLS" : ""}, though the entry has a user`,
    "  nothing was sent",
  ];
}
