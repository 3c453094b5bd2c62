// Compiles the examples against the built package and runs one: `npm run example -- <name>`.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";

const [name] = process.argv.slice(2);
const here = import.meta.dirname;
/** The file an example starts with: of its own name, or `main` in its folder. */
const entry = [name, `${name}/main`].find((path) => existsSync(`${here}/${path}.ts`));
if (name === undefined || entry === undefined) {
  const names = readdirSync(here).flatMap((file) => {
    if (file.endsWith(".ts")) return [file.slice(0, -3)];
    return existsSync(`${here}/${file}/main.ts`) ? [file] : [];
  });
  console.error(`example: a name is required, one of ${names.join(", ")}`);
  process.exit(2);
}
execFileSync("tsc", ["-b"], { cwd: here, stdio: "inherit" });
process.argv.splice(1, 2, `${here}/dist/${entry}.js`);
await import(`./dist/${entry}.js`);
