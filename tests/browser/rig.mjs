// What the tests stand on: the cluster, the built agent, and a browser that is watched for what a
// page must not do.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { chromium } from "playwright-core";

export const TOKEN = "a-token-for-tests-of-the-page";
const SHOTS = process.env.PIPEOPS_TEST_SHOTS ?? "target/browser";
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const variable = (name) => process.env[name] ?? assert.fail(`${name} is not set: run make browser`);

export function kubectl(args, input) {
  return execFileSync(variable("PIPEOPS_TEST_KUBECTL"), args, { input, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] });
}

// Where no test has the name that was asked for, what is after runs while what is before still does.
export function around(begin, end) {
  let begun;
  before(() => (begun = begin()));
  after(async () => {
    await begun.catch(() => {});
    await end();
  });
}

export function cluster(...args) {
  execFileSync(variable("PIPEOPS_TEST_CLUSTER_CMD"), args, { stdio: "ignore" });
}

// A pod of one container that runs a line of shell.
export function pod(name, script, more = {}) {
  const container = { name: "main", image: "busybox:1", imagePullPolicy: "Never", command: ["sh", "-c", script], ...more.container };
  const spec = { terminationGracePeriodSeconds: 0, restartPolicy: more.restart ?? "Always", containers: [container, ...(more.beside ?? [])] };
  return JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name }, spec });
}

// The agent on a port that stays the same when it is started again.
export class Agent {
  static async start(set = {}) {
    const agent = new Agent();
    agent.port = await freePort();
    agent.state = mkdtempSync(join(tmpdir(), "page-"));
    agent.set = set;
    await agent.begin();
    return agent;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  async begin() {
    const env = { KUBECONFIG: variable("KUBECONFIG"), PIPEOPS_API_TOKEN: TOKEN, PIPEOPS_STATE_DIR: this.state, PIPEOPS_LISTEN: `127.0.0.1:${this.port}`, ...this.set };
    this.child = spawn(variable("PIPEOPS_BIN"), [], { env, stdio: ["ignore", "ignore", "pipe"] });
    this.log = "";
    this.child.stderr.setEncoding("utf8").on("data", (text) => (this.log += text));
    await until(async () => (await fetch(`${this.url}/health`).catch(() => null))?.ok, () => this.log);
    await until(async () => (await this.get("/api/k8s/pods")).availability.state === "current", () => this.log);
  }

  async get(path) {
    return (await fetch(this.url + path, { headers: { Authorization: `Bearer ${TOKEN}` } })).json();
  }

  async stop() {
    if (this.child.exitCode !== null) return;
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill("SIGTERM");
    await ended;
  }

  async end() {
    await this.stop();
    rmSync(this.state, { recursive: true, force: true });
  }
}

// An API server that has many pods and nothing else, in a file that leads to it.
export async function manyPods(count) {
  const folder = mkdtempSync(join(tmpdir(), "many-"));
  const kubeconfig = join(folder, "config");
  const child = spawn(variable("PIPEOPS_TEST_MANY_PODS"), [String(count), kubeconfig], { stdio: "ignore" });
  const end = () => {
    child.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  await until(() => existsSync(kubeconfig));
  return { kubeconfig, end };
}

// An agent, and a browser beside it.
export async function rig(set) {
  const agent = await Agent.start(set);
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
  const end = async () => {
    await browser.close();
    await agent.end();
  };
  return { agent, browser, end };
}

// A page that is watched. What it may say on the console is named: answers that the test provokes.
export async function visit({ browser, agent }, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(15000);
  const page = await context.newPage();
  page.wrong = [];
  page.expected = [/status of 401/];
  page.on("console", (line) => {
    if (line.type() === "error" || line.type() === "warning") page.wrong.push(line.text());
  });
  page.on("pageerror", (error) => page.wrong.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith(`${agent.url}/`) && !request.url().startsWith("data:")) page.wrong.push(`asked ${request.url()}`);
  });
  await page.goto(agent.url);
  return page;
}

export async function login(page) {
  await page.getByLabel("Token").fill(TOKEN);
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await page.locator("#badge", { hasText: "Live" }).waitFor();
}

// Live again; an agent that was restarted may have forgotten who was logged in.
export async function back(page) {
  const badge = page.locator("#badge", { hasText: /^(Live|Not logged in)$/ });
  await badge.waitFor({ timeout: 60000 });
  if ((await badge.innerText()) !== "Live") await login(page);
}

export async function leave(page) {
  await page.context().close();
  const wrong = page.wrong.filter((line) => !page.expected.some((rule) => rule.test(line)));
  assert.deepEqual(wrong, []);
}

export async function open(page, view) {
  await page.getByRole("navigation").getByRole("link", { name: view }).click();
}

export async function shot(page, name) {
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: join(SHOTS, `${name}.png`) });
}

// No violation that matters, and nothing wider than the window.
export async function sound(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  const bad = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  assert.deepEqual(bad.map(({ id, nodes }) => [id, nodes.map(({ html, any }) => [html, any.map(({ message }) => message)])]), []);
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(over <= 0, `${over} px too wide`);
}

export async function until(done, why = () => "", seconds = 60) {
  const last = Date.now() + seconds * 1000;
  for (;;) {
    const found = await done();
    if (found) return found;
    if (Date.now() > last) assert.fail(`not in ${seconds} s: ${done} ${await why()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
