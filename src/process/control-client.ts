/** Asks a running service over the `control.sock` in its data directory; see control.ts. */
import { createConnection } from "node:net";
import { join, resolve } from "node:path";

const ANSWER_DEADLINE_MS = 3_000;

/** The outcome of a question. */
export type Reached =
  | { readonly kind: "answered"; readonly answer: unknown }
  /** The service is starting or ending, or does not know the question. */
  | { readonly kind: "unanswered" }
  /** There is no socket, or a dead process left it. */
  | { readonly kind: "absent" }
  /** The socket belongs to another user. */
  | { readonly kind: "denied" }
  /** A process holds the socket and says nothing: it is frozen. */
  | { readonly kind: "silent" };

/** Asks a service, and gives its answer; undefined when no service runs there, or it does not know the question. */
export async function askControl(dataDir: string, question: string, deadlineMs = ANSWER_DEADLINE_MS): Promise<unknown> {
  const reached = await reachControl(dataDir, question, deadlineMs);
  return reached.kind === "answered" ? reached.answer : undefined;
}

/** Asks a service, and gives its answer or why there is none. */
export function reachControl(dataDir: string, question: string, deadlineMs = ANSWER_DEADLINE_MS): Promise<Reached> {
  return new Promise((done) => {
    const socket = createConnection(join(resolve(dataDir), "control.sock"), () => socket.write(`${question}\n`));
    let answer = "";
    socket.setEncoding("utf8");
    socket.on("data", (text) => {
      answer += text;
    });
    socket.on("end", () => done(read(answer)));
    socket.on("error", ({ code }: NodeJS.ErrnoException) => done({ kind: WHY[code ?? ""] ?? "unanswered" }));
    // A frozen process takes the connection and does not answer.
    socket.setTimeout(deadlineMs, () => {
      done({ kind: "silent" });
      socket.destroy();
    });
  });
}

/** By error code. With any other error the service ended while it was asked. */
const WHY: Readonly<Record<string, "absent" | "denied" | "silent">> = {
  ENOENT: "absent",
  ENOTDIR: "absent",
  ECONNREFUSED: "absent",
  // No service can have such a path.
  ENAMETOOLONG: "absent",
  EINVAL: "absent",
  ELOOP: "absent",
  EACCES: "denied",
  EPERM: "denied",
  // The queue of waiting connections is full.
  EAGAIN: "silent",
};

/** Half an answer counts as none: the service ended while it answered. */
function read(answer: string): Reached {
  try {
    return answer.trim() === "" ? { kind: "unanswered" } : { kind: "answered", answer: JSON.parse(answer) };
  } catch {
    return { kind: "unanswered" };
  }
}
