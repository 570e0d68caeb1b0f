// Each view shows what is there, live, to everybody: by mouse or keyboard, wide or narrow, light or dark.
import assert from "node:assert/strict";
import { test } from "node:test";
import { around, kubectl, leave, login, manyPods, open, pod, rig, shot, sound, TOKEN, until, visit } from "./rig.mjs";

const TALK = 'i=0; while :; do i=$((i+1)); echo "line $i"; printf "\\033[32mgreen %s\\033[0m and not\\n" $i; echo "ERROR number $i"; sleep 0.2; done';
let all;

around(async () => {
  kubectl(["create", "namespace", "page"]);
  kubectl(["config", "set-context", "--current", "--namespace=page"]);
  const apply = (text) => kubectl(["apply", "-f", "-"], text);
  await until(() => kubectl(["get", "serviceaccounts", "-o", "name"]).includes("default"), undefined, 150);
  apply(pod("talker", TALK));
  apply(pod("broken", "echo no; exit 1"));
  apply(pod("pair", "echo from the first; sleep 10000", { beside: [{ ...JSON.parse(pod("x", "echo from the second; sleep 10000")).spec.containers[0], name: "second" }] }));
  kubectl(["create", "deployment", "web", "--image=busybox:1", "--replicas=2", "--", "sleep", "10000"]);
  kubectl(["patch", "deployment", "web", "--type=json", "-p", JSON.stringify([{ op: "add", path: "/spec/template/spec/containers/0/imagePullPolicy", value: "Never" }])]);
  kubectl(["expose", "deployment", "web", "--port=80"]);
  kubectl(["wait", "--for=condition=Ready", "pod/talker", "pod/pair", "--timeout=90s"]);
  all = await rig();
}, async () => {
  await all?.end();
  kubectl(["delete", "namespace", "page", "--wait=false"]);
  kubectl(["config", "set-context", "--current", "--namespace=default"]);
});

const cell = (page, name) => page.getByRole("row").filter({ has: page.getByRole("link", { name, exact: true }) });

test("who has no token is asked for one, and is told what was wrong", async () => {
  const page = await visit(all);
  await page.locator("#badge", { hasText: "Not logged in" }).waitFor();
  await sound(page);
  await shot(page, "login");
  await page.getByLabel("Token").fill("not it");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").getByText("That token does not open this agent").waitFor();
  await login(page);
  await page.reload();
  await page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByText("You are logged out.").waitFor();
  assert.equal(await page.evaluate(() => fetch("/api/session").then((answer) => answer.status)), 401);
  await leave(page);
});

test("a code from the agent's log opens it, too", async () => {
  const page = await visit(all);
  await page.getByRole("button", { name: "Write a code into the log" }).click();
  await page.getByText("A code is in the agent's log now. It holds for 5 min.").waitFor();
  const code = await until(() => /pairing code (\d{4}-\d{4}), /.exec(all.agent.log)?.[1], () => all.agent.log);
  await page.getByLabel("Code").fill(code);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
  await leave(page);
});

test("too many tries are told with the time to wait", async () => {
  const page = await visit(all);
  page.expected.push(/status of 429/);
  await page.route("**/api/session", (route) => (route.request().method() === "POST"
    ? route.fulfill({ status: 429, headers: { "Retry-After": "7" }, json: { detail: "too many" } }) : route.continue()));
  await page.getByLabel("Token").fill(TOKEN);
  await page.keyboard.press("Enter");
  await page.getByText("Too many tries. Wait 7 s.").waitFor();
  await leave(page);
});

test("the nodes have their usage, and no series is no line", async () => {
  const page = await visit(all);
  page.expected.push(/status of 404/);
  await login(page);
  await open(page, "Nodes");
  const row = cell(page, "node-1");
  await row.getByText("Ready").waitFor();
  await row.getByText(/[\d.]+ cores, \d+ %/).waitFor();
  await row.getByText(/[\d.]+ GiB, \d+ %/).waitFor();
  await page.getByText(/^v1\.[\d.]+, containerd/).waitFor();
  const kept = await page.evaluate(() => fetch("/api/metrics/history").then((answer) => answer.ok));
  if (!kept) await until(async () => (await page.getByText("This agent keeps no series.").count()) === 2);
  await sound(page);
  await shot(page, "nodes");
  await leave(page);
});

test("a chart has a line for what was measured and a gap for what was not", async () => {
  const page = await visit(all);
  const now = Math.floor(Date.now() / 3e5) * 300;
  const times = Array.from({ length: 140 }, (_, index) => now - (140 - index) * 300).filter((time) => time < now - 90 * 300 || time > now - 60 * 300);
  const wave = (base) => times.map((time) => [time, Math.round(base * (1.2 + Math.sin(time / 4000)))]);
  await page.route("**/api/metrics/history", (route) => route.fulfill({ json: {
    interval_seconds: 300,
    nodes: [{ name: "node-1", cpu_millicores: wave(500), memory_bytes: wave(2e9) }],
  } }));
  await login(page);
  await open(page, "Nodes");
  const chart = page.getByRole("img", { name: /^CPU\. [\d.]+ cores of [\d.]+ cores at .*Between/ });
  await chart.waitFor();
  assert.equal(await chart.locator("path.line").count(), 2);
  const marks = (await chart.locator("text").allTextContents()).filter((text) => /^\d\d:\d\d$/.test(text));
  assert.ok(new Set(marks).size > 2, `${marks}`);
  await chart.focus();
  await page.keyboard.press("ArrowLeft");
  await page.getByText(/^\d\d:\d\d:\d\d: [\d.]+ cores, \d+ %$/).waitFor();
  await sound(page);
  await shot(page, "charts");
  await leave(page);
});

test("a node that is not measured is said to be so, and is not 0", async () => {
  const page = await visit(all);
  page.expected.push(/status of 404/);
  await page.route("**/api/k8s/nodes", async (route) => {
    const answer = await (await route.fetch()).json();
    delete answer.items[0].usage;
    await route.fulfill({ json: answer });
  });
  await login(page);
  await page.getByRole("link", { name: /^CPU\s*Not measured$/ }).waitFor();
  await open(page, "Nodes");
  await until(async () => (await cell(page, "node-1").getByText("not measured").count()) === 2);
  await leave(page);
});

test("a pod that is made appears, and goes when it is deleted", async () => {
  const page = await visit(all);
  await login(page);
  await open(page, "Pods");
  await cell(page, "talker").getByText("Running").waitFor();
  kubectl(["apply", "-f", "-"], pod("newcomer", "sleep 10000"));
  await cell(page, "newcomer").getByText("Running").waitFor({ timeout: 30000 });
  await page.getByRole("searchbox").fill("newc");
  await page.getByText(/^1 of \d+$/).waitFor();
  await sound(page);
  await shot(page, "pods");
  kubectl(["delete", "pod", "newcomer", "--wait=false"]);
  await page.getByText("No match").waitFor({ timeout: 30000 });
  await open(page, "Changes");
  const rows = page.getByRole("row").filter({ hasText: "page/newcomer" });
  await rows.filter({ hasText: "deleted" }).waitFor();
  await rows.filter({ hasText: "added" }).waitFor();
  await sound(page);
  await shot(page, "changes");
  await leave(page);
});

test("a log is followed, paused and filtered, in colour", async () => {
  const page = await visit(all);
  await login(page);
  await open(page, "Logs");
  await page.getByRole("link", { name: "talker" }).click();
  const log = page.getByRole("log");
  const last = async () => Number(/(\d+)\D*$/.exec(await log.innerText())?.[1]);
  await log.getByText(/^line \d+$/).first().waitFor();
  const first = await last();
  await until(async () => (await last()) > first);
  assert.equal(await log.locator(".a2", { hasText: /^green/ }).first().evaluate((part) => part.nextSibling.textContent), " and not");
  await log.locator(".bad", { hasText: "ERROR number" }).first().waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  const text = await log.innerText();
  await page.getByText(/\d{2,} more came/).waitFor();
  assert.equal(await log.innerText(), text);
  await shot(page, "log-paused");
  await page.getByRole("button", { name: "Go on" }).click();
  await until(async () => (await log.innerText()) !== text);
  await page.getByRole("searchbox").fill("error NUMBER 1");
  await until(async () => (await log.locator("mark").count()) > 0 && !(await log.innerText()).includes("line"));
  await page.getByRole("searchbox").fill("(.*");
  await page.getByText("No line has that.").waitFor();
  await page.getByRole("searchbox").fill("");
  await page.getByLabel("Times").check();
  await log.getByText(/^20\d\d-\d\d-\d\dT/).first().waitFor();
  await sound(page);
  await shot(page, "log");
  await leave(page);
});

test("of several containers one is chosen, and the end of a log is said", async () => {
  const page = await visit(all);
  page.expected.push(/status of 400/);
  await login(page);
  await page.evaluate(() => (location.hash = "#logs/page/pair"));
  await page.getByText("Which one?").waitFor();
  await page.getByLabel("Container").selectOption("second");
  await page.getByRole("log").getByText("from the second").waitFor();
  kubectl(["apply", "-f", "-"], pod("short", "echo all said", { restart: "Never" }));
  kubectl(["wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/short", "--timeout=60s"]);
  await page.evaluate(() => (location.hash = "#logs/page/short"));
  await page.getByRole("log").getByText("all said").waitFor();
  await page.getByText("The container has ended.").waitFor();
  kubectl(["delete", "pod", "short"]);
  await leave(page);
});

test("the agent tells of itself, and each hop is tried", async () => {
  const page = await visit(all);
  await login(page);
  await open(page, "Agent");
  await page.getByText("None is configured: this agent stands alone.").waitFor();
  assert.equal(await page.getByRole("cell", { name: "current" }).count(), 6);
  await page.getByRole("button", { name: "Test each hop now" }).click();
  await page.getByRole("listitem").filter({ hasText: /Kubernetes \d+ ms/ }).waitFor();
  await sound(page);
  await shot(page, "agent");
  await leave(page);
});

test("everything is reached by keyboard", async () => {
  const page = await visit(all);
  await page.locator("input[name=token]:focus").waitFor();
  await page.keyboard.type(TOKEN);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
  const focus = () => page.evaluate(() => document.activeElement.textContent.trim() || document.activeElement.getAttribute("aria-label"));
  const tab = async (text) => {
    for (let step = 0; step < 40; step += 1) {
      await page.keyboard.press("Tab");
      if ((await focus()) === text) return;
    }
    assert.fail(`${text} is not reached`);
  };
  await page.reload();
  await page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
  await tab("Pods");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Pods", level: 1 }).waitFor();
  await tab("talker");
  await shot(page, "keyboard");
  await page.keyboard.press("Enter");
  await page.getByRole("log").getByText(/^line/).first().waitFor();
  await tab("Pause");
  await page.keyboard.press("Space");
  await page.getByRole("button", { name: "Go on" }).waitFor();
  await leave(page);
});

for (const [name, options] of Object.entries({
  dark: { colorScheme: "dark" },
  narrow: { viewport: { width: 360, height: 640 }, hasTouch: true },
  "narrow-dark": { viewport: { width: 360, height: 640 }, colorScheme: "dark" },
  wide: { viewport: { width: 2200, height: 1200 } },
})) {
  test(`every view is sound: ${name}`, async () => {
    const page = await visit(all, options);
    page.expected.push(/status of 404/);
    await shot(page, `${name}-login`);
    await login(page);
    for (const view of ["Overview", "Nodes", "Pods", "Workloads", "Changes", "Events", "Agent"]) {
      await open(page, view);
      await page.getByRole("row").nth(1).waitFor();
      await sound(page);
      await shot(page, `${name}-${view.toLowerCase()}`);
    }
    await page.evaluate(() => (location.hash = "#logs/page/talker"));
    await page.getByRole("log").getByText(/^line/).first().waitFor();
    await sound(page);
    await shot(page, `${name}-log`);
    await leave(page);
  });
}

test("5,000 pods are a list like any other", async () => {
  const many = await manyPods(5000);
  const other = await rig({ KUBECONFIG: many.kubeconfig });
  try {
    const page = await visit(other);
    await login(page);
    await open(page, "Pods");
    await page.getByText(/^5000$/).waitFor();
    const table = page.getByRole("table", { name: "Pods" });
    assert.ok((await table.getByRole("row").count()) < 80, "only what is seen exists");
    const began = Date.now();
    await table.evaluate((box) => (box.scrollTop = box.scrollHeight));
    await until(async () => Number(await table.getByRole("row").last().getAttribute("aria-rowindex")) > 5000);
    const scrolled = Date.now() - began;
    assert.ok(scrolled < 2000, `${scrolled} ms to the end`);
    await page.getByRole("searchbox").fill("service-7-");
    await page.getByText(/^8 of 5000$/).waitFor();
    await page.getByRole("searchbox").fill("");
    await shot(page, "5000-pods");
    await open(page, "Overview");
    await page.getByRole("link", { name: /^Pods\s*5000 of 5000/ }).waitFor();
    await shot(page, "5000-overview");
    const size = await page.evaluate(() => document.querySelectorAll("*").length);
    assert.ok(size < 2500, `${size} elements`);
    await leave(page);
  } finally {
    await other.end();
    many.end();
  }
});

// Last, because a pod takes its time to fail again and again.
test("the overview counts, and says what is wrong with the reason", async () => {
  const page = await visit(all);
  await login(page);
  await page.getByRole("link", { name: /^Nodes\s*1 of 1\s*ready/ }).waitFor();
  await page.getByRole("link", { name: /^Control plane\s*None/ }).waitFor();
  const wrong = page.locator("section", { hasText: "What is wrong now" });
  const item = wrong.getByRole("listitem").filter({ hasText: "Pod page/broken" });
  await item.getByText(/(CrashLoopBackOff|Error), 0\/1 ready\. \d+ restarts?\. Back-off restarting failed container/).waitFor({ timeout: 60000 });
  const row = cell(page, "page");
  await until(async () => /^page\s*5\s*5$/.test((await row.innerText()).replace(/\s+/g, " ")), () => "five pods run");
  await sound(page);
  await shot(page, "overview");
  await leave(page);
});

test("workloads and events are listed", async () => {
  const page = await visit(all);
  await login(page);
  await open(page, "Workloads");
  const row = (table, name) => page.getByRole("table", { name: table }).getByRole("row").filter({ hasText: name });
  await row("Deployments", "web").getByText("2/2").waitFor({ timeout: 60000 });
  await row("Services", "web").getByText("80/TCP").waitFor();
  await page.getByLabel("Namespace").selectOption("page");
  await until(async () => (await page.getByRole("row").filter({ hasText: "metrics-server" }).count()) === 0);
  await sound(page);
  await shot(page, "workloads");
  await open(page, "Events");
  await page.getByRole("row").filter({ hasText: "page/Pod/broken" }).filter({ hasText: "BackOff" }).first().waitFor();
  await page.getByLabel("Type").selectOption("Warning");
  await until(async () => (await page.getByRole("row").filter({ hasText: "Normal" }).count()) === 0);
  await sound(page);
  await shot(page, "events");
  await leave(page);
});
