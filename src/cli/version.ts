import { readFileSync } from "node:fs";

/** Version of the package this file belongs to. */
export function packageVersion(): string {
  // The same two levels up from src/cli and from dist/cli.
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { readonly version: string }).version;
}
