import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CheckpointError } from "../../src/base/errors.ts";
import { memorySource } from "../../src/io/byte-source.ts";
import { open } from "../../src/io/open.ts";
import { openTorch } from "../../src/io/torch/torch-file.ts";
import { ZipArchive } from "../../src/io/zip/zip-archive.ts";
import { ZipWriter } from "../../src/io/zip/zip-writer.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import type { Random } from "./mutations.ts";
import { below, joined, mutate, mutateText, pick, seededRandom } from "./mutations.ts";

/** A valid file to start from, in parts if it can be put together again after one was changed. */
export interface Seed {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly parts?: readonly Part[];
}

interface Part {
  readonly name: string;
  readonly contents: Uint8Array;
}

export const formats = ["safetensors", "npy", "npz", "pth", "gguf"] as const;

/** The fixtures of every format, in a fixed order. */
export async function loadSeeds(fixtures: string): Promise<readonly (readonly Seed[])[]> {
  const names = ["storage", "formats"].flatMap((folder) =>
    readdirSync(`${fixtures}/${folder}`)
      .toSorted()
      .map((file) => `${folder}/${file}`),
  );
  return Promise.all(
    formats.map((format) =>
      Promise.all(
        names
          .filter((name) => name.endsWith(`.${format}`) && !name.includes("broken-"))
          .map(async (name) => makeSeed(name, new Uint8Array(readFileSync(`${fixtures}/${name}`)))),
      ),
    ),
  );
}

/** Where the fixtures are, for those who run in the repository. */
export const fixtureFolder: string = fileURLToPath(new URL("../fixtures", import.meta.url));

async function makeSeed(name: string, bytes: Uint8Array): Promise<Seed> {
  if (name.endsWith(".safetensors")) return { name, bytes, parts: splitHeader(bytes, 8, 0) };
  if (name.endsWith(".npy"))
    return { name, bytes, parts: splitHeader(bytes, bytes[6] > 1 ? 12 : 10, 8) };
  if (bytes[0] !== 0x50 || bytes[1] !== 0x4b) return { name, bytes };
  const archive = await ZipArchive.open(memorySource(bytes), "zip");
  const parts: Part[] = [];
  for (const entry of archive.entries.values()) {
    parts.push({ name: entry.name, contents: await archive.read(entry) });
  }
  return { name, bytes, parts };
}

/** What stands before a header's length, the header, and the rest. The length is little-endian. */
function splitHeader(bytes: Uint8Array, begin: number, lengthAt: number): Part[] {
  let length = 0;
  for (let i = begin - 1; i >= lengthAt; i--) length = 256 * length + bytes[i];
  return [
    { name: "length", contents: bytes.subarray(0, begin) },
    { name: "header", contents: bytes.subarray(begin, begin + length) },
    { name: "data", contents: bytes.subarray(begin + length) },
  ];
}

function joinHeader(parts: readonly Part[], lengthAt: number): Uint8Array {
  const [start, header, data] = parts.map(({ contents }) => contents.slice());
  let length = header.length;
  for (let i = lengthAt; i < start.length; i++) {
    start[i] = length % 256;
    length = Math.floor(length / 256);
  }
  return joined(start, header, data);
}

/** One input: which reader it is for, what it was made of, and its bytes. */
export interface FuzzCase {
  readonly format: string;
  readonly origin: string;
  readonly bytes: Uint8Array;
}

/** The input of one number under a seed; always the same. */
export async function makeCase(
  seeds: readonly (readonly Seed[])[],
  seed: number,
  index: number,
): Promise<FuzzCase> {
  const random = seededRandom(seed, index);
  const which = index % formats.length;
  const origin = pick(random, seeds[which]);
  const donor = pick(random, pick(random, seeds)).bytes;
  const { parts } = origin;
  const bytes =
    parts !== undefined && parts.length > 0 && random() < 0.7
      ? await rebuilt(origin.name, parts, random, donor)
      : mutate(origin.bytes, random, donor);
  return { format: formats[which], origin: origin.name, bytes };
}

/** Changes one part and puts all together with right lengths and CRCs, to get past those checks. */
async function rebuilt(
  name: string,
  parts: readonly Part[],
  random: Random,
  donor: Uint8Array,
): Promise<Uint8Array> {
  const main = parts.findIndex((part) => /^header$|data\.pkl$/.test(part.name));
  const chosen = main >= 0 && random() < 0.8 ? main : below(random, parts.length);
  const isText = parts[chosen].name === "header" && random() < 0.6;
  const changed = parts.map((part, i) => {
    if (i !== chosen) return part;
    const { contents } = part;
    const mutated = isText ? mutateText(contents, random) : mutate(contents, random, donor);
    return { ...part, contents: mutated };
  });
  if (name.endsWith(".safetensors")) return joinHeader(changed, 0);
  if (name.endsWith(".npy")) return joinHeader(changed, 8);
  return zipped(changed, random() < 0.2);
}

async function zipped(parts: readonly Part[], compress: boolean): Promise<Uint8Array> {
  const written: Uint8Array[] = [];
  const zip = new ZipWriter({
    write: (bytes) => {
      written.push(bytes.slice());
      return Promise.resolve();
    },
  });
  for (const { name, contents } of parts) await zip.add(name, contents, { compress });
  await zip.finish();
  return joined(...written);
}

/** Values of larger tensors are not computed: views may repeat few bytes very often. */
const maxElements = 1_000_000;

/** How a file was taken. */
export type Outcome = "read" | "refused";

/**
 * Does everything a user may do with a file.
 *
 * @returns "read", or "refused" if Athanor says what is wrong; all other errors pass through.
 */
export async function readEverything({ bytes, format }: FuzzCase): Promise<Outcome> {
  const made: Tensor[] = [];
  try {
    const outcome = await attempt(() => readTensors(bytes, made));
    if (format === "pth") await attempt(() => readObjects(bytes, made));
    for (const tensor of made) if (tensor.numel <= maxElements) await tensor.data();
    return outcome;
  } finally {
    for (const tensor of made) tensor.dispose();
  }
}

async function attempt(read: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof CheckpointError) return "refused";
    throw error;
  }
}

async function readTensors(bytes: Uint8Array, made: Tensor[]): Promise<Outcome> {
  await using file = await open(bytes);
  const outcomes: Outcome[] = [];
  for (const name of file.keys()) {
    file.info(name);
    // If one is refused, others of the file may still be read.
    const get = async (): Promise<Outcome> => {
      made.push(await file.get(name, { device: "reference" }));
      return "read";
    };
    outcomes.push(await attempt(get));
  }
  return outcomes.includes("refused") ? "refused" : "read";
}

async function readObjects(bytes: Uint8Array, made: Tensor[]): Promise<Outcome> {
  await using file = await openTorch(bytes, { unknownClasses: "keep" });
  const found = new Set<unknown>();
  const collect = (value: unknown): void => {
    if (typeof value !== "object" || value === null || found.has(value)) return;
    found.add(value);
    if (value instanceof Tensor) made.push(value);
    else if (value instanceof Map || value instanceof Set) [...value].forEach(collect);
    else if (!(value instanceof Uint8Array)) Object.values(value).forEach(collect);
  };
  collect(await file.load({ device: "reference" }));
  return "read";
}
