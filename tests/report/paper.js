// Says how many pages a PDF of Chromium's has, and how large the first is, in points.
const text = require("fs").readFileSync(process.argv[2], "latin1");
const box = /\/MediaBox\s*\[\s*0\s+0\s+([\d.]+)\s+([\d.]+)\s*\]/.exec(text);
const pages = (text.match(/\/Type\s*\/Page\b/g) || []).length;
console.log(JSON.stringify({ width: Number(box[1]), height: Number(box[2]), pages }));
