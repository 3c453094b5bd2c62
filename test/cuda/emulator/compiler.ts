import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Sources of the emulated libraries and the C prelude of kernels. */
export const nativeFolder: string = fileURLToPath(new URL("native", import.meta.url));

/** Compilers in order of preference for kernels: tcc takes milliseconds for a unit. */
const unitCommands: Readonly<Record<string, string>> = {
  tcc: "tcc -w",
  gcc: "gcc -std=gnu11 -O1 -w -fPIC -fwrapv -fno-strict-aliasing -ffp-contract=off",
  clang: "clang -std=gnu11 -O1 -w -fPIC -fwrapv -fno-strict-aliasing -ffp-contract=off",
};

/** For the libraries, which are compiled once: optimised if possible. */
const libraryCommands: Readonly<Record<string, string>> = {
  gcc: "gcc -std=gnu11 -O3 -Wall -Wextra -fPIC -fno-strict-aliasing",
  clang: "clang -std=gnu11 -O3 -Wall -fPIC -fno-strict-aliasing",
  tcc: "tcc",
};

const available = new Map<string, boolean>();

function isAvailable(program: string): boolean {
  let known = available.get(program);
  if (known === undefined) {
    known = spawnSync(program, ["-v"], { stdio: "ignore" }).status === 0;
    available.set(program, known);
  }
  return known;
}

function firstOf(commands: Readonly<Record<string, string>>): string | undefined {
  const found = Object.keys(commands).find(isAvailable);
  return found === undefined ? undefined : commands[found];
}

function wantedCompiler(): string | undefined {
  const wanted = process.env["ATHANOR_EMULATOR_CC"];
  return wanted === "" ? undefined : wanted;
}

/** Command that compiles kernels; ATHANOR_EMULATOR_CC names the compiler. */
export function unitCommand(): string | undefined {
  const wanted = wantedCompiler();
  return wanted === undefined ? firstOf(unitCommands) : (unitCommands[wanted] ?? wanted);
}

/** Folder for compiled units and libraries, of this user. */
export function cacheFolder(): string {
  const folder = join(tmpdir(), `athanor-emulator-${userInfo().username}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

/** Why there can be no emulator here, or null. */
export function emulatorObstacle(): string | null {
  if (process.platform !== "linux") return "the CUDA emulator runs on Linux";
  if (!["x64", "arm64"].includes(process.arch)) return "the CUDA emulator runs on x64 and arm64";
  if (unitCommand() === undefined) return "the CUDA emulator needs a C compiler: apt install tcc";
  return null;
}

/**
 * Path of the shared object with all emulated libraries; it is compiled if its sources changed.
 *
 * @throws {Error} with the compiler's messages.
 */
export function emulatorLibrary(): string {
  const command = libraryCommands[wantedCompiler() ?? ""] ?? firstOf(libraryCommands);
  if (command === undefined) throw new Error("emulator: no C compiler");
  const files = readdirSync(nativeFolder).filter((name) => /\.[ch]$/.test(name));
  const hash = createHash("sha256").update(command);
  for (const name of files.toSorted()) hash.update(readFileSync(join(nativeFolder, name)));
  const path = join(cacheFolder(), `emulator-${hash.digest("hex").slice(0, 32)}.so`);
  if (existsSync(path)) return path;
  const made = `${path}.${process.pid}`;
  const sources = files
    .filter((name) => name.endsWith(".c"))
    .map((name) => join(nativeFolder, name));
  const [program, ...options] = command.split(" ");
  const args = [...options, "-shared", "-o", made, ...sources, "-lm", "-ldl", "-lpthread"];
  const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`emulator: ${program} failed\n${stderr}`);
  renameSync(made, path);
  return path;
}
