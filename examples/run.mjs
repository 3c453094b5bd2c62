// Compiles the examples against the built package and runs one: `npm run example -- <name>`.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";

const [name] = process.argv.slice(2);
const here = import.meta.dirname;
if (name === undefined || !existsSync(`${here}/${name}.ts`)) {
  const names = readdirSync(here).filter((file) => file.endsWith(".ts"));
  console.error(
    `example: a name is required, one of ${names.map((file) => file.slice(0, -3)).join(", ")}`,
  );
  process.exit(2);
}
execFileSync("tsc", ["-b"], { cwd: here, stdio: "inherit" });
process.argv.splice(1, 2, `${here}/dist/${name}.js`);
await import(`./dist/${name}.js`);
