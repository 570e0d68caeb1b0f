// Parses the Mermaid diagrams in pages of Markdown: node check.mjs PAGE...
import { readFileSync } from "node:fs";
import { JSDOM } from "jsdom";

// Mermaid cleans text with the help of a document, also when it only parses.
const { window } = new JSDOM("");
Object.assign(globalThis, { window, document: window.document });
const { default: mermaid } = await import("mermaid");

let diagrams = 0;
for (const page of process.argv.slice(2)) {
  const text = readFileSync(page, "utf8");
  for (const match of text.matchAll(/^```mermaid\n([\s\S]*?)^```$/gm)) {
    diagrams += 1;
    try {
      await mermaid.parse(match[1]);
    } catch (error) {
      const line = text.slice(0, match.index).split("\n").length;
      console.error(`${page}:${line}: ${error.message}`);
      process.exitCode = 1;
    }
  }
}
console.log(`${diagrams} diagrams`);
if (diagrams === 0) {
  console.error("no diagram was found");
  process.exitCode = 1;
}
