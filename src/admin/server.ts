/** HTTP for operators: is it alive, may it take traffic, is all well, and the metrics. */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface AdminOptions {
  readonly host: string;
  readonly port: number;
  /** Why no traffic should come here; empty when it may. */
  readonly notReady: () => readonly string[];
  /** Why all is not well; empty when it is. */
  readonly unhealthy: () => readonly string[];
  readonly version: () => Readonly<Record<string, string>>;
  /** The metrics in Prometheus's text form. */
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
}

export interface Admin {
  readonly address: { readonly host: string; readonly port: number };
  stop(): Promise<void>;
}

/** Rejects when the address cannot be listened on. */
export async function startAdmin(options: AdminOptions): Promise<Admin> {
  const routes: Readonly<Record<string, (response: ServerResponse) => void | Promise<void>>> = {
    "/livez": (response) => sendState(response, []),
    "/readyz": (response) => sendState(response, options.notReady()),
    "/healthz": (response) => sendState(response, options.unhealthy()),
    "/version": (response) => send(response, 200, "application/json", `${JSON.stringify(options.version())}\n`),
    "/metrics": async (response) => {
      const { contentType, text } = await options.metrics();
      send(response, 200, contentType, text);
    },
  };
  const index = `${Object.keys(routes).join("\n")}\n`;

  const server = createServer((request, response) => {
    const path = (request.url ?? "/").replace(/\?.*$/, "");
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("allow", "GET, HEAD");
      return send(response, 405, TEXT, "Only GET and HEAD are answered here\n");
    }
    if (path === "/") return send(response, 200, TEXT, index);
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
    if (!route) return send(response, 404, TEXT, `There is nothing here. What there is:\n${index}`);
    Promise.resolve(route(response)).catch((cause: Error) => send(response, 500, TEXT, `${cause.message}\n`));
  });

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, () => {
      server.off("error", reject);
      server.on("error", () => {}); // A connection that could not be accepted: whoever asks asks again.
      resolve();
    });
  });
  const { address, port } = server.address() as AddressInfo;
  return {
    address: { host: address, port },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const TEXT = "text/plain; charset=utf-8";

/** 200 with "ok", or 503 with the reasons, one a line. */
function sendState(response: ServerResponse, reasons: readonly string[]): void {
  send(response, reasons.length === 0 ? 200 : 503, TEXT, reasons.length === 0 ? "ok\n" : `${reasons.join("\n")}\n`);
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  response.writeHead(status, {
    "content-type": contentType,
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  response.end(body);
}
