/** `node bare-server-process.ts PORT CERT KEY`: answers every request with the same 900 bytes. */
import { readFileSync } from "node:fs";
import { createServer } from "node:https";

const [port = "", certFile = "", keyFile = ""] = process.argv.slice(2);
const body = Buffer.from(JSON.stringify({ data: { data: { value: "v".repeat(512) } }, pad: "p".repeat(340) }));
const headers = { "Content-Type": "application/json", "Content-Length": body.length, "Cache-Control": "no-store" };

createServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, (request, response) => {
  request.resume();
  response.writeHead(200, headers);
  response.end(body);
}).listen(Number(port), "127.0.0.1", () => process.stdout.write("ready\n"));
