/** Asks a running service over the `control.sock` in its data directory; see admin/control.ts. */
import { createConnection } from "node:net";
import { join, resolve } from "node:path";

const ANSWER_DEADLINE_MS = 3_000;

/** What it answers to a question; undefined when none is running there, or it does not know the question. */
export function askControl(dataDir: string, question: string, deadlineMs = ANSWER_DEADLINE_MS): Promise<unknown> {
  return new Promise((done) => {
    const socket = createConnection(join(resolve(dataDir), "control.sock"), () => socket.write(`${question}\n`));
    let answer = "";
    socket.setEncoding("utf8");
    socket.on("data", (text) => {
      answer += text;
    });
    socket.on("end", () => done(read(answer)));
    socket.on("error", () => done(undefined));
    // One that is frozen does not answer.
    socket.setTimeout(deadlineMs, () => socket.destroy(new Error("no answer")));
  });
}

/** One that ends while it answers has not answered. */
function read(answer: string): unknown {
  try {
    return answer.trim() === "" ? undefined : JSON.parse(answer);
  } catch {
    return undefined;
  }
}
