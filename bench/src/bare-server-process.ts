/** `node bare-server-process.ts PORT [CERT KEY]`: answers every request with the same 900 bytes; in clear without a certificate. */
import { readFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";

const [port = "", certFile = "", keyFile = ""] = process.argv.slice(2);
const body = Buffer.from(JSON.stringify({ data: { data: { value: "v".repeat(512) } }, pad: "p".repeat(340) }));
const headers = { "Content-Type": "application/json", "Content-Length": body.length, "Cache-Control": "no-store" };

const answer: RequestListener = (request, response) => {
  request.resume();
  response.writeHead(200, headers);
  response.end(body);
};
const server =
  certFile === ""
    ? createServer(answer)
    : createTlsServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, answer);
server.listen(Number(port), "127.0.0.1", () => process.stdout.write("ready\n"));
