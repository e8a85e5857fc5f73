/** Asks a running service over the `control.sock` in its data directory; see admin/control.ts. */
import { createConnection } from "node:net";
import { join, resolve } from "node:path";

const ANSWER_DEADLINE_MS = 3_000;

/** What came of asking. */
export type Reached =
  | { readonly kind: "answered"; readonly answer: unknown }
  /** It is starting, is ending, or does not know the question. */
  | { readonly kind: "unanswered" }
  /** There is no socket, or one that a process which has ended left. */
  | { readonly kind: "absent" }
  /** Of another user. */
  | { readonly kind: "denied" }
  /** It holds the socket, and says nothing: it is frozen. */
  | { readonly kind: "silent" };

/** What it answers to a question; undefined when none is running there, or it does not know the question. */
export async function askControl(dataDir: string, question: string, deadlineMs = ANSWER_DEADLINE_MS): Promise<unknown> {
  const reached = await reachControl(dataDir, question, deadlineMs);
  return reached.kind === "answered" ? reached.answer : undefined;
}

/** What it answers, or why it does not. */
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
    // One that is frozen does not answer.
    socket.setTimeout(deadlineMs, () => {
      done({ kind: "silent" });
      socket.destroy();
    });
  });
}

/** Of what the system says. Any other fault comes later: it ends while it is asked. */
const WHY: Readonly<Record<string, "absent" | "denied" | "silent">> = {
  ENOENT: "absent",
  ENOTDIR: "absent",
  ECONNREFUSED: "absent",
  // A path that no service can have.
  ENAMETOOLONG: "absent",
  EINVAL: "absent",
  ELOOP: "absent",
  EACCES: "denied",
  EPERM: "denied",
  // So many have asked before that no more can wait.
  EAGAIN: "silent",
};

/** One that ends while it answers has not answered. */
function read(answer: string): Reached {
  try {
    return answer.trim() === "" ? { kind: "unanswered" } : { kind: "answered", answer: JSON.parse(answer) };
  } catch {
    return { kind: "unanswered" };
  }
}
