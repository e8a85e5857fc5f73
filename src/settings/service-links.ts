/**
 * Recognises the links that Kubernetes puts into the environment of each pod for each
 * Service of its namespace, and Docker for a linked container. For a Service named mm4d-smtp
 * they are MM4D_SMTP_SERVICE_HOST, MM4D_SMTP_PORT=tcp://10.0.0.1:25, MM4D_SMTP_PORT_25_TCP_ADDR, …
 */

const OF_SERVICE = /^MM4D(?:_[A-Z0-9_]+)?_SERVICE_(?:HOST|PORT(?:_[A-Z0-9_]+)?)$/;
const OF_PORT = /^MM4D(?:_[A-Z0-9_]+)?_PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?$/;
const PORT = /^(MM4D(?:_[A-Z0-9_]+)?)_PORT$/;
const ADDRESS = /^(?:tcp|udp|sctp):\/\//;

/** Whether a variable whose name begins as ours do is such a link. */
export function isServiceLink(name: string, value: string): boolean {
  return OF_SERVICE.test(name) || OF_PORT.test(name) || serviceOf(name, value) !== null;
}

/** The Service whose address a variable holds; null when it holds something else. */
export function serviceOf(name: string, value: string): string | null {
  const [, service] = PORT.exec(name) ?? [];
  if (service === undefined || !ADDRESS.test(value)) return null;
  return service.toLowerCase().replaceAll("_", "-");
}
