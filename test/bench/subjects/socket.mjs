/** The kernel's floor: a socket that answers as SMTP does, and throws the message away. Argument: JSON with `port`. */
import { createServer } from "node:net";

const { port } = JSON.parse(process.argv[2]);
const END = "\r\n.\r\n";

createServer({ noDelay: true }, (socket) => {
  let inMessage = false;
  let unread = "";

  socket.on("error", () => {});
  socket.on("data", (chunk) => {
    unread += chunk.latin1Slice();
    let replies = "";
    for (;;) {
      const end = inMessage ? unread.indexOf(END) : unread.indexOf("\r\n");
      if (end === -1) break;
      if (inMessage) {
        unread = unread.slice(end + END.length);
        inMessage = false;
        replies += "250 OK\r\n";
        continue;
      }
      const verb = unread.slice(0, 4).toUpperCase();
      unread = unread.slice(end + 2);
      inMessage = verb === "DATA";
      replies += verb === "DATA" ? "354 Go on\r\n" : verb === "QUIT" ? "221 Bye\r\n" : "250 OK\r\n";
      if (verb === "QUIT") socket.end(replies);
    }
    if (socket.writable && replies !== "") socket.write(replies);
  });
  socket.write("220 bench ESMTP\r\n");
}).listen(port, "127.0.0.1");
