/** What an entry's login means for acknowledgements: whether its password may be sent, and what to change in the entry. */
import type { Acknowledge } from "../smtp/peer.ts";

type Login = Pick<Acknowledge, "tls" | "auth">;

/** Why an entry's login may be a mistake: its password is sent without TLS, may be, or never is. Null for no doubt. */
export function doubtAboutLogin({ tls, auth }: Login): string | null {
  if (auth === null || tls === "required" || tls === "implicit") return null;
  if (auth.withoutTls) {
    return tls === "off"
      ? 'the password for its MMSC goes over the network as it is: "tls": "off" with "withoutTls": true'
      : 'the password for its MMSC goes over the network as it is where that offers no STARTTLS, or somebody in between takes it away: "withoutTls": true; better "tls": "required"';
  }
  return tls === "off"
    ? `its acknowledgements are not sent, because ${notTriedAtAll({ tls, auth })}`
    : 'the password for its MMSC is sent over TLS only, to whoever answers there, because "tls": "optional" checks no certificate; better "tls": "required"';
}

/** Why acknowledgements of an entry are never tried; null when they are tried. */
export function notTriedAtAll({ tls, auth }: Login): string | null {
  return tls === "off" && isSecret(auth)
    ? `the entry has "tls": "off", and the password is not sent without TLS. ${WITHOUT_TLS}`
    : null;
}

/** What an operator can change when the password is not sent because there is no TLS. It ends a sentence. */
export const WITHOUT_TLS =
  'Set acknowledge.tls to "required", or, if it may be overheard, acknowledge.auth.withoutTls to true';

/** Whether a login has a password that must not go over a connection without TLS. */
export function isSecret(auth: Acknowledge["auth"]): boolean {
  return auth !== null && !auth.withoutTls;
}
