import type { Dirent } from "node:fs";
import { readdirSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { CheckpointError } from "../../base/errors.ts";
import type { Dataset } from "../dataset.ts";
import { requireIndex } from "../dataset.ts";
import type { HostTensor } from "../host-tensor.ts";
import { hostTensor } from "../host-tensor.ts";
import type { ItemContext } from "../item-context.ts";
import { itemContext } from "../item-context.ts";
import type { Transform } from "../transforms/sample.ts";
import type { ReadImageOptions } from "./image-file.ts";
import { readImage } from "./image-file.ts";

/** An image and its class. */
export interface LabelledImage {
  readonly image: HostTensor;
  /** i32 []. */
  readonly label: HostTensor;
}

/** A file and the number of its class. */
export interface ImageFile {
  readonly path: string;
  readonly label: number;
}

/** How a folder of images is read. */
export interface ImageFolderOptions extends ReadImageOptions {
  /** Applied to each image, with random numbers that depend on seed, epoch and index. */
  readonly transform?: Transform;
  /** Endings of image files, in lower case. */
  readonly extensions?: readonly string[];
  /** Allows classes without images. @defaultValue false */
  readonly allowEmpty?: boolean;
}

/** Endings that `ImageFolder` takes for images. */
const usualExtensions = [
  ".avif",
  ".bmp",
  ".gif",
  ".jpeg",
  ".jpg",
  ".pgm",
  ".png",
  ".ppm",
  ".tif",
  ".tiff",
  ".webp",
] as const;

/**
 * Images in folders named after their classes: `root/cat/1.jpg`, `root/dog/old/2.png`. Classes are
 * numbered in the order of their names. Needs the npm package `sharp`.
 *
 * @example
 * const images = new ImageFolder("pets", { transform: new transforms.Resize([224, 224]) });
 * const loader = new DataLoader(images, { batchSize: 32, shuffle: true, prefetch: 2 });
 * for await (const { image, label } of loader) await step(image, label);
 */
export class ImageFolder implements Dataset<Promise<LabelledImage>> {
  readonly root: string;
  readonly classes: readonly string[];
  readonly classToIdx: Readonly<Record<string, number>>;
  readonly samples: readonly ImageFile[];
  readonly #options: ImageFolderOptions;

  /**
   * Lists the files; they are read when items are.
   *
   * @throws {CheckpointError} if the folder cannot be read, has no class folders, or a class has no
   *   images.
   */
  constructor(root: string, options: ImageFolderOptions = {}) {
    const { extensions = usualExtensions, allowEmpty = false } = options;
    this.root = root;
    this.classes = entriesOf(root)
      .filter((entry) => isFolder(root, entry))
      .map(({ name }) => name);
    if (this.classes.length === 0) {
      throw new CheckpointError(`ImageFolder: ${root} must hold a folder per class, got none`);
    }
    this.classToIdx = Object.fromEntries(this.classes.map((name, label) => [name, label]));
    this.samples = this.classes.flatMap((name, label) =>
      filesBelow(join(root, name))
        .filter((path) => extensions.includes(extname(path).toLowerCase()))
        .map((path) => ({ path, label })),
    );
    const found = new Set(this.samples.map(({ label }) => label));
    const empty = this.classes.filter((_, label) => !found.has(label));
    if (empty.length > 0 && !allowEmpty) {
      throw new CheckpointError(
        `ImageFolder: each class in ${root} must have images (${extensions.join(" ")}), ` +
          `got none in ${empty.join(", ")}; set allowEmpty to keep such classes`,
      );
    }
    this.#options = options;
  }

  get length(): number {
    return this.samples.length;
  }

  /** The class of each file. */
  get targets(): Int32Array {
    return Int32Array.from(this.samples, ({ label }) => label);
  }

  /** Decodes and transforms image `index`. @throws {CheckpointError} if the file is damaged. */
  async get(index: number, context: ItemContext = itemContext({ index })): Promise<LabelledImage> {
    requireIndex("ImageFolder", index, this.length);
    const { path, label } = this.samples[index];
    const item = {
      image: await readImage(path, this.#options),
      label: hostTensor(Int32Array.of(label), []),
    };
    return this.#options.transform?.forward(item, context.random) ?? item;
  }
}

function entriesOf(folder: string): Dirent[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  } catch (cause) {
    throw new CheckpointError(`ImageFolder: ${folder} must be a readable folder`, { cause });
  }
}

/** Whether an entry is a folder, or a link to one. */
function isFolder(parent: string, entry: Dirent): boolean {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  return statSync(join(parent, entry.name), { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** A folder's files, then those of the folders in it. */
function filesBelow(folder: string): string[] {
  const entries = entriesOf(folder);
  const folders = entries.filter((entry) => isFolder(folder, entry));
  const files = entries.filter((entry) => !folders.includes(entry));
  return [
    ...files.map(({ name }) => join(folder, name)),
    ...folders.flatMap(({ name }) => filesBelow(join(folder, name))),
  ];
}
