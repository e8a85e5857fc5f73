/**
 * The image's health check: exit code 0 when the service answers /livez.
 *
 * Not /healthz: nobody must restart us because Redis is away.
 */
const { MM4D_ADMIN_HOST: host = "", MM4D_ADMIN_PORT: port = "" } = process.env;
// Whoever listens everywhere listens on loopback too.
const reached = ["", "0.0.0.0", "::"].includes(host) ? "127.0.0.1" : host;
const url = `http://${reached.includes(":") ? `[${reached}]` : reached}:${port || 8025}/livez`;

try {
  const { status } = await fetch(url, { signal: AbortSignal.timeout(4_000) });
  if (status !== 200) throw new Error(`${status}, must be 200`);
} catch (cause) {
  process.stderr.write(`Cannot get ${url}: ${cause.cause?.message ?? cause.message}\n`);
  process.exitCode = 1;
}
