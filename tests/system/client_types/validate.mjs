// Validate an AsyncAPI document with the parser of the AsyncAPI initiative. Prints what is wrong with it, as JSON.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const { Parser } = createRequire(join(process.cwd(), "package.json"))("@asyncapi/parser");
const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], "utf8"));
const found = diagnostics.map(({ code, severity, path, message }) => ({ code, severity, path: path.join("."), message }));
console.log(JSON.stringify({ channels: document ? document.allChannels().length : 0, found }));
