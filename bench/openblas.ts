import { existsSync, readdirSync } from "node:fs";

const folders = [
  "/usr/lib/x86_64-linux-gnu",
  "/usr/lib/aarch64-linux-gnu",
  "/usr/lib64",
  "/usr/lib",
  "/opt/homebrew/opt/openblas/lib",
];

/** The file of OpenBLAS: $OPENBLAS, else where systems keep it; undefined if it is nowhere. */
export function openblasPath(): string | undefined {
  const named = process.env["OPENBLAS"];
  if (named !== undefined) return existsSync(named) ? named : undefined;
  for (const folder of folders.filter((path) => existsSync(path))) {
    const isLibrary = (name: string): boolean => /^libopenblas.*\.(so(\.0)?|dylib)$/.test(name);
    const found = readdirSync(folder).find(isLibrary);
    if (found !== undefined) return `${folder}/${found}`;
  }
  return undefined;
}
