// What goes wrong is said, each thing in its own words, and mends itself on the page when it is mended.
import assert from "node:assert/strict";
import { test } from "node:test";
import { around, back, cluster, kubectl, leave, login, open, pod, rig, shot, sound, TOKEN, until, visit } from "./rig.mjs";

let all;
around(async () => (all = await rig()), () => all?.end());

const badge = (page, text) => page.locator("#badge", { hasText: text }).waitFor({ timeout: 60000 });

test("an agent that is restarted is missed, and found again", async () => {
  const page = await visit(all);
  page.expected.push(/net::ERR_/, /status of 502/);
  await login(page);
  await open(page, "Pods");
  await page.getByRole("table", { name: "Pods" }).or(page.getByText("Empty")).first().waitFor();
  await all.agent.stop();
  await badge(page, "Agent unreachable");
  await page.locator(".notice").getByText(/^The agent does not answer\. This is what was known \d+ s ago\.$/).waitFor();
  await shot(page, "unreachable");
  await sound(page);
  await all.agent.begin();
  await back(page);
  await until(async () => /^data \d s old$/.test(await page.locator("#age").innerText()));
  await leave(page);
});

test("a log that broke off is taken up again", async () => {
  kubectl(["apply", "-f", "-"], pod("ticker", "i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.2; done"));
  try {
    kubectl(["wait", "--for=condition=Ready", "pod/ticker", "--timeout=60s"]);
    const page = await visit(all);
    page.expected.push(/net::ERR_/, /status of 502/);
    await login(page);
    await page.evaluate(() => (location.hash = "#logs/default/ticker"));
    const last = async () => Number(/(\d+)\s*$/.exec(await page.getByRole("log").innerText())?.[1]);
    await until(async () => (await last()) > 5, () => page.locator("body").innerText());
    const before = await last();
    await all.agent.stop();
    await page.getByText(/Trying again/).waitFor();
    await all.agent.begin();
    await back(page);
    await until(async () => (await last()) > before + 5);
    await until(async () => (await page.locator(".notice").isVisible()) === false);
    await leave(page);
  } finally {
    kubectl(["delete", "pod", "ticker", "--wait=false"]);
  }
});

test("a day of changes is not collected for ever", async () => {
  const page = await visit(all);
  const change = (id) => JSON.stringify({ id, at: new Date(4e12 + id * 1000).toISOString(), kind: "pod", what: "modified", namespace: "a", name: `pod-${id}`, summary: "Running" });
  const told = Array.from({ length: 20000 }, (_, index) => `event: event\ndata: ${change(1e6 + index)}\n\n`).join("");
  await login(page);
  await open(page, "Changes");
  let read;
  const known = new Promise((resolve) => (read = resolve));
  await page.route("**/api/realtime/events", async (route) => {
    await known;
    await route.fulfill({ contentType: "text/event-stream", body: `retry: 600000\n\n${told}` });
  });
  await page.reload();
  await page.getByRole("heading", { name: "What changed", level: 1 }).waitFor();
  await page.locator(".notice", { hasText: "Loading" }).waitFor({ state: "hidden" });
  // With the events the page reads the list again, in which is only what is real.
  await page.route("**/api/status/changes", () => {});
  read();
  await page.getByText(/^(1024|\d+ of 1024)$/).waitFor();
  await page.getByText("a/pod-1019999").waitFor();
  const size = await page.evaluate(() => document.querySelectorAll("*").length);
  assert.ok(size < 1000, `${size} elements`);
  await leave(page);
});

test("an agent that is not there at first is waited for", async () => {
  const page = await visit(all);
  page.expected.push(/net::ERR_/);
  await login(page);
  await page.route("**/api/session", (route) => route.abort());
  await page.reload();
  await page.getByText("The agent does not answer. Trying again.").waitFor();
  await page.unroute("**/api/session");
  await badge(page, "Live");
  await leave(page);
});

test("loading, empty, forbidden, not yet known, unreachable and stale are told apart", async () => {
  const page = await visit(all);
  page.expected.push(/status of 403/, /net::ERR_/);
  let answer = null;
  await page.route("**/api/k8s/pods", (route) => answer(route));
  let release;
  answer = (route) => new Promise((resolve) => (release = resolve)).then(() => route.fulfill(list({ state: "current" }, [])));
  const list = (availability, items) => ({ json: { kind: "pods", version: 1, availability, count: items?.length, items } });
  const said = (word) => page.locator(".notice").filter({ has: page.locator("b", { hasText: word }) }).waitFor({ timeout: 30000 });
  await login(page);
  await open(page, "Pods");
  await said("Loading");
  release();
  await said("Empty");
  const since = new Date(Date.now() - 200000).toISOString();
  const next = async (how, word) => {
    answer = how;
    await page.reload();
    await said(word);
    await sound(page);
    await shot(page, `state-${word.toLowerCase().replaceAll(" ", "-")}`);
  };
  await next((route) => route.fulfill(list({ state: "forbidden", reason: "pods is forbidden: User cannot list" })), "Forbidden");
  await next((route) => route.fulfill(list({ state: "pending" })), "Not yet known");
  await next((route) => route.fulfill({ status: 403, json: { detail: "this session may not see pods" } }), "Forbidden");
  await page.getByText("this session may not see pods").waitFor();
  await next((route) => route.abort(), "Unreachable");
  const pod = { namespace: "a", name: "b", status: "Running", phase: "Running", ready: "1/1", restarts: 0, requests: {} };
  await next((route) => route.fulfill(list({ state: "stale", since, reason: "connection refused" }, [pod])), "Stale");
  await page.getByText("the API server is silent for 3 min. Connection refused.").waitFor();
  await page.getByRole("link", { name: "b", exact: true }).waitFor();
  await leave(page);
});

test("an API server that is away makes the data stale, and says for how long", async () => {
  const page = await visit(all);
  page.expected.push(/status of 50\d/);
  await login(page);
  cluster("stop", "apiserver");
  try {
    await badge(page, "Cluster unreachable");
    await page.getByRole("listitem").filter({ hasText: /API server\s*Silent for \d+ s: .*pods/ }).waitFor();
    assert.deepEqual(await page.getByText(/;\s*$/).allInnerTexts(), []);
    await sound(page);
    await shot(page, "stale");
  } finally {
    cluster("start", "apiserver");
  }
  await badge(page, "Live");
  await leave(page);
});

test("a session that ends leads to the log-in", async () => {
  const page = await visit(all);
  await login(page);
  // As another window of the same browser would.
  await page.evaluate(() => fetch("/api/session", { method: "DELETE", headers: { "Content-Type": "application/json" } }));
  await page.getByText("The session has ended. Log in again.").waitFor({ timeout: 40000 });
  await leave(page);
});

test("text of others stays text", async () => {
  const page = await visit(all);
  await page.route("**/api/k8s/pods", (route) => route.fulfill({ json: { kind: "pods", version: 1, availability: { state: "current" }, count: 1, items: [
    { namespace: "<img src=x onerror=alert(1)>", name: "<script>alert(2)</script>", status: "<b>Failed</b>", phase: "Failed", ready: "0/1", restarts: 0, requests: {} },
  ] } }));
  page.on("dialog", () => page.wrong.push("a dialog"));
  await login(page);
  await open(page, "Pods");
  await page.getByText("<script>alert(2)</script>").waitFor();
  assert.equal(await page.locator("main img, main script, main b").count(), 0);
  await leave(page);
});

test("a control plane that cannot be reached is told with its explanation", async () => {
  const other = await rig({ PIPEOPS_TOKEN: TOKEN, PIPEOPS_API_URL: "http://127.0.0.1:9", PIPEOPS_ALLOW_PLAIN_HTTP: "true" });
  try {
    const page = await visit(other);
    await login(page);
    const card = page.getByRole("link", { name: /^Control plane\s*Lost\s*never heard/ });
    await card.waitFor();
    await page.getByRole("listitem").filter({ hasText: "Control plane" }).getByText(/refused/i).waitFor({ timeout: 30000 });
    await shot(page, "control-plane-overview");
    await open(page, "Agent");
    await page.getByText("Never reached").waitFor();
    await page.locator(".notice").getByText(/refused/i).waitFor();
    await page.getByRole("button", { name: "Test each hop now" }).click();
    await page.getByRole("listitem").filter({ hasText: "Control plane: tcp" }).waitFor({ timeout: 40000 });
    await sound(page);
    await shot(page, "control-plane");
    await leave(page);
  } finally {
    await other.end();
  }
});
