/** An HTTP request on a connection of its own: fetch takes one that is open already. */
import { get } from "node:http";

/** Its answer's status. `from`: one of this machine's addresses. Rejects when the connection is ended without an answer. */
export function statusOf(port: number, path: string, from = "127.0.0.1"): Promise<number> {
  return new Promise((resolve, reject) => {
    get({ port, host: "127.0.0.1", path, localAddress: from, agent: false }, (response) => {
      response.destroy();
      resolve(response.statusCode ?? 0);
    }).once("error", reject);
  });
}
