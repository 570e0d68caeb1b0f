// Sessions as the page expects them, in front of an agent that has none of its own: it keeps the
// cookie and adds the API token. An agent that has sessions is taken as it is.
import { randomBytes } from "node:crypto";
import { createServer, request } from "node:http";

export async function standIn(agent, token) {
  const answer = await fetch(`${agent.url}/api/session`);
  if (answer.status !== 404) return { url: agent.url, close: async () => {} };

  const sessions = new Set();
  const front = { code: null, wrong: 0 };
  const server = createServer((asked, given) => {
    if (asked.url.startsWith("/api/session")) session(asked, given);
    else pass(asked, given);
  });

  async function session(asked, given) {
    const own = cookie(asked);
    const told = (status, body, fields) => given.writeHead(status, { "Content-Type": "application/json", ...fields }).end(body && JSON.stringify(body));
    const who = { user: "tests", via: "api token", scope: "operate", expires: new Date(Date.now() + 36e5).toISOString() };
    if (asked.method === "GET") return sessions.has(own) ? told(200, who) : told(401, { detail: "nobody is logged in" });
    if (asked.headers["content-type"] !== "application/json") return told(415, { detail: "send application/json" });
    if (asked.method === "DELETE") {
      sessions.delete(own);
      return told(204);
    }
    if (asked.url.endsWith("/pairing")) {
      front.code = String(randomBytes(4).readUInt32BE());
      return told(202, { expires_seconds: 300 });
    }
    if (front.wrong >= 3) return told(429, { detail: "too many tries" }, { "Retry-After": "7" });
    const { token: given_token, code } = JSON.parse(await text(asked));
    if (given_token !== token && !(front.code && code === front.code)) {
      front.wrong += 1;
      return told(401, { detail: "that is not it" });
    }
    front.wrong = 0;
    const name = randomBytes(16).toString("hex");
    sessions.add(name);
    told(200, { ...who, via: code ? "pairing code" : "api token" }, { "Set-Cookie": `session=${name}; HttpOnly; SameSite=Strict; Path=/` });
  }

  function pass(asked, given) {
    const { cookie: _, ...headers } = asked.headers;
    if (sessions.has(cookie(asked))) headers.authorization = `Bearer ${token}`;
    const on = request({ host: "127.0.0.1", port: agent.port, path: asked.url, method: asked.method, headers, agent: false }, (answer) => {
      given.writeHead(answer.statusCode, answer.headers);
      given.flushHeaders();
      answer.pipe(given);
      answer.on("error", () => given.destroy());
    });
    // As if the agent itself were gone.
    on.on("error", () => given.destroy());
    given.on("close", () => on.destroy());
    asked.pipe(on);
  }

  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  front.url = `http://127.0.0.1:${server.address().port}`;
  front.forget = () => sessions.clear();
  front.close = () => new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
  return front;
}

const cookie = (asked) => /session=(\w+)/.exec(asked.headers.cookie)?.[1];

async function text(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts).toString();
}
