// The server behind TLS, since OpenAI's client opens wss addresses only. OLA_CERTIFICATE is a file with key and chain.
import { readFileSync } from "node:fs";
import net from "node:net";
import tls from "node:tls";

export async function secured(address) {
  const { hostname, port } = new URL(address);
  const pem = readFileSync(process.env.OLA_CERTIFICATE);
  const front = tls.createServer({ cert: pem, key: pem }, (outside) => {
    const inside = net.connect(Number(port), hostname);
    outside.pipe(inside).pipe(outside);
    outside.on("error", () => inside.destroy());
    inside.on("error", () => outside.destroy());
  });
  await new Promise((listening) => front.listen(0, "127.0.0.1", listening));
  front.unref();
  return `https://127.0.0.1:${front.address().port}/v1`;
}
