/** A TCP proxy that may change what the server says. */
import { createConnection, createServer, type Socket } from "node:net";
import { freePort } from "./redis.ts";

export interface TestProxy {
  readonly port: number;
  stop(): Promise<void>;
}

/** `change` is given each piece of what the server says, as latin-1, and may take its time. */
export async function startProxy(
  target: number,
  change: (text: string) => string | Promise<string>,
): Promise<TestProxy> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = createConnection({ port: target, host: "127.0.0.1", noDelay: true });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {}); // Either side may leave.
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on("data", (chunk) => upstream.write(chunk));
    upstream.on("data", async (chunk) => {
      client.write(Buffer.from(await change(chunk.toString("latin1")), "latin1"));
    });
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
