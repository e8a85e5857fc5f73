/** What `mm4d doctor` finds in the files that the settings name: certificate, peers, catalogue. */
import { loadCatalogue } from "../settings/catalogue-file.ts";
import { loadCertificate } from "../settings/certificate.ts";
import type { Config } from "../settings/config.ts";
import { doubtsAbout, loadPeers, mustUseTls } from "../settings/peers.ts";
import { type Findings, fault, faults, inWords, ok, warning } from "./finding.ts";

const DAY_MS = 86_400_000;
const CERTIFICATE_WARNED_DAYS = 14;

/** Whether it can be read, and for how long it holds. */
export function lookAtCertificate({ tlsCertFile, tlsKeyFile, tlsCaFile }: Config): Findings {
  const about = "certificate";
  if (tlsCertFile === "") return [ok(about, "none is set; TLS is not offered")];
  try {
    const files = { certFile: tlsCertFile, keyFile: tlsKeyFile, caFile: tlsCaFile };
    const { subject, expiresAt, validFrom } = loadCertificate(files);
    const until = `${subject}, until ${expiresAt.toISOString()}`;
    const daysLeft = (expiresAt.getTime() - Date.now()) / DAY_MS;
    const renew = "Renew MM4D_TLS_CERT_FILE; it is taken without a restart";
    if (daysLeft <= 0) return [fault(about, `${until}: it has expired. ${renew}`)];
    if (new Date(validFrom).getTime() > Date.now()) {
      return [fault(about, `${subject}, not before ${validFrom}. ${renew}`)];
    }
    if (daysLeft < CERTIFICATE_WARNED_DAYS) return [warning(about, `${until}. ${renew}`)];
    return [ok(about, until)];
  } catch (cause) {
    return [fault(about, inWords(cause))];
  }
}

/** Who may connect, and what is doubtful about that. */
export function lookAtPeers(config: Config): Findings {
  const about = "peers";
  try {
    const peers = loadPeers(config);
    if (!peers.some(({ listed }) => listed)) {
      return [warning(about, "only this machine may connect. Set MM4D_PEERS or MM4D_PEERS_FILE")];
    }
    const needy = peers.filter(mustUseTls);
    const names = peers.map(({ name }) => name).join(", ");
    const findings = [ok(about, names)];
    if (needy.length > 0 && config.tlsCertFile === "") {
      const text = `${needy.map(({ name }) => name).join(", ")} must use TLS, and there is no certificate. Set MM4D_TLS_CERT_FILE`;
      findings.push(fault(about, text));
    }
    const homeless = peers.filter(({ acknowledge }) => acknowledge.mode !== "off" && acknowledge.host === null);
    if (homeless.length > 0) {
      const text = `${homeless.map(({ name }) => name).join(", ")} ${homeless.length === 1 ? "has" : "have"} no acknowledge.host, so acknowledgements cannot be sent`;
      findings.push(ok(about, text));
    }
    findings.push(...doubtsAbout(peers).map((text) => warning(about, text)));
    return findings;
  } catch (cause) {
    return faults(about, inWords(cause));
  }
}

/** Whether it can be read, and of which version it is. */
export function lookAtCatalogue({ catalogueFile }: Config): Findings {
  const about = "catalogue";
  try {
    const { version } = loadCatalogue(catalogueFile);
    return [ok(about, `of ${version}${catalogueFile === "" ? "" : `, with ${catalogueFile} over it`}`)];
  } catch (cause) {
    return faults(about, inWords(cause));
  }
}
