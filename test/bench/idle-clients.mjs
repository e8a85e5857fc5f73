/** Connections that say EHLO and nothing more. Argument: JSON with `port` and `connections`; prints a line when all stand. */
import { connect } from "node:net";

const { port, connections } = JSON.parse(process.argv[2]);
/** No more than a listener's backlog takes. */
const AT_A_TIME = 100;

let left = connections;
await Promise.all(Array.from({ length: AT_A_TIME }, openSome));
process.stdout.write("open\n");

async function openSome() {
  while (left-- > 0) await open();
}

function open() {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let heard = "";
    socket.on("data", (chunk) => {
      const greeted = heard !== "";
      heard += chunk.latin1Slice();
      if (!greeted) socket.write("EHLO relay.carrier.example.net\r\n");
      else if (/^250 .*\r\n$/m.test(heard)) resolve();
    });
    socket.on("error", reject).on("close", () => reject(new Error(`Cannot stay: ${heard}`)));
  });
}
