import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The repository root, which is also the root of the published package. */
export const root: string = join(import.meta.dirname, "../..");

interface Manifest {
  readonly name: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
}

/** The parsed package.json. */
export const manifest: Manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** A public entry point: how people import it and the files behind it. */
export interface Door {
  readonly specifier: string;
  readonly source: string;
  readonly types: string;
  readonly code: string;
}

/** The doors that package.json declares. */
export const doors: readonly Door[] = Object.entries(manifest.exports).flatMap(([path, target]) =>
  typeof target === "string"
    ? []
    : [
        {
          specifier: manifest.name + path.slice(1),
          source: target["athanor-source"] ?? "",
          types: target["types"] ?? "",
          code: target["default"] ?? "",
        },
      ],
);

/** Whether the source of a door has been written yet. */
export function isWritten(door: Door): boolean {
  return existsSync(join(root, door.source));
}

/** Runs a command to its end and returns what it printed; throws with its messages if it fails. */
export function execute(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status !== 0) {
    throw new Error(`${command} ${args.join(" ")}: status ${status}\n${stdout}\n${stderr}`);
  }
  return stdout;
}

/** Names that a module exports, as a fresh Node process in `cwd` sees them. */
export function exportedNames(specifier: string, cwd: string): string[] {
  const code = `import * as door from "${specifier}"; console.log(JSON.stringify(Object.keys(door)));`;
  return JSON.parse(execute(process.execPath, ["--input-type=module", "--eval", code], cwd));
}

/** A project in a temporary folder whose node_modules holds nothing but the packed tarball. */
export interface Consumer {
  readonly folder: string;
  readonly installed: string;
  remove(): void;
}

/** Builds, packs and unpacks the package the way a user receives it. */
export function createConsumer(): Consumer {
  execute(process.execPath, ["tools/build.mjs"], root);
  const folder = mkdtempSync(join(tmpdir(), "athanor-package-"));
  const packed = execute(
    "npm",
    ["pack", "--silent", "--ignore-scripts", "--pack-destination", folder],
    root,
  );
  const installed = join(folder, "node_modules", manifest.name);
  mkdirSync(installed, { recursive: true });
  const tarball = join(folder, packed.trim());
  execute("tar", ["-xzf", tarball, "-C", installed, "--strip-components=1"], folder);
  return { folder, installed, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
