// Prints a page that shows another in a frame of a given width, with axe-core and the checks in it.
const fs = require("fs");
const [page, width, axe] = process.argv.slice(2);
const read = (path) => fs.readFileSync(path, "utf8");
// The page forbids every script. Without that line, one that got in through a text would run, and be found.
const policy = /<meta http-equiv="Content-Security-Policy"[^>]*>/;
const own = read(page);
if (!policy.test(own)) throw new Error("the page has no Content-Security-Policy");
const scripts = `<script data-check>${read(axe)}</script><script data-check>${read(__dirname + "/check.js")}</script>`;
const inner = own.replace(policy, "").replace("</body>", () => scripts + "</body>");
const quoted = inner.replace(/&/g, "&amp;").replace(/"/g, "&quot;");
process.stdout.write(`<!DOCTYPE html><html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<title>frame</title><pre id="result"></pre>
<iframe title="page" style="width:${Number(width)}px;height:900px;border:0" srcdoc="${quoted}"></iframe></html>`);
