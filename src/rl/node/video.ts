import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ConfigError, ShapeError } from "../../base/errors.ts";
import { optionalPackage } from "../../data/node/optional-package.ts";
import { encodePng } from "../../data/node/png.ts";
import type { Frame } from "../frame.ts";

/** Options of {@link saveGif}. */
export interface GifOptions {
  /** Frames per second; 30 without it. Above 50 frames are left out, as viewers slow down there. */
  readonly fps?: number;
  /** Width in points, the height to match; that of the frames without it. */
  readonly width?: number;
  /** Times it is shown; for ever without it. */
  readonly loop?: number;
}

/** Options of {@link savePngStrip}. */
export interface StripOptions {
  /** Pictures in it, taken at equal distances from the first to the last frame; 8 without it. */
  readonly count?: number;
  /** Pictures per row; all in one without it. */
  readonly columns?: number;
}

const gap = 4;
const highestRate = 50;

/**
 * Writes frames as an animated GIF, whole or not at all. Needs the npm package `sharp`.
 *
 * All frames are in memory at once: 0.7 MB each at 480 × 480.
 *
 * @throws {ConfigError} if there are no frames, an option is out of range, or `sharp` is missing;
 *   {ShapeError} if the frames differ in size.
 */
export async function saveGif(
  path: string,
  frames: readonly Frame[],
  options: GifOptions = {},
): Promise<void> {
  const { fps = 30, width, loop = 0 } = options;
  checkFrames("saveGif", frames);
  if (!(fps > 0 && fps < Infinity)) {
    throw new ConfigError(`saveGif: fps must be positive, got ${fps}`);
  }
  const stride = Math.ceil(fps / highestRate);
  const { default: sharp } = await optionalPackage("saveGif", "sharp", () => import("sharp"));
  const size = width === undefined ? null : checkWhole("saveGif", "width", width);
  // Each for itself: a resize of the joined frames would take them for one high picture.
  const shrink = async ({ width: w, height: h, data }: Frame): Promise<Frame> => {
    const raw = { width: w, height: h, channels: 3 } as const;
    const picture = sharp(data, { raw }).resize({ width: size ?? w });
    const { data: pixels, info } = await picture.raw().toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, data: pixels };
  };
  const whole = frames.filter((_, i) => i % stride === 0);
  const kept = size === null ? whole : await Promise.all(whole.map(shrink));
  const [{ width: pageWidth, height: pageHeight }] = kept;
  const picture = sharp(joined(kept), {
    raw: { width: pageWidth, height: pageHeight * kept.length, channels: 3, pageHeight },
    limitInputPixels: false,
  });
  // A palette that stays the same lets unchanged parts of the picture be left out of the file.
  const delay = new Array<number>(kept.length).fill(Math.round((1000 * stride) / fps));
  const gif = { delay, loop, dither: 0, effort: 4 };
  await writeWhole(path, await picture.gif(gif).toBuffer());
}

/**
 * Writes some of the frames side by side as one PNG: what happens, at a glance.
 *
 * @throws {ConfigError} if there are no frames or an option is out of range; {ShapeError} if the
 *   frames differ in size.
 */
export async function savePngStrip(
  path: string,
  frames: readonly Frame[],
  options: StripOptions = {},
): Promise<void> {
  const { width, height } = checkFrames("savePngStrip", frames);
  const wanted = checkWhole("savePngStrip", "count", options.count ?? 8);
  const count = Math.min(wanted, frames.length);
  const columns = Math.min(count, checkWhole("savePngStrip", "columns", options.columns ?? count));
  const rows = Math.ceil(count / columns);
  const size = [columns * (width + gap) - gap, rows * (height + gap) - gap] as const;
  const data = new Uint8Array(size[0] * size[1] * 3).fill(255);
  for (let i = 0; i < count; i++) {
    const frame = frames[count === 1 ? 0 : Math.round((i * (frames.length - 1)) / (count - 1))];
    const left = (i % columns) * (width + gap);
    const top = Math.floor(i / columns) * (height + gap);
    for (let y = 0; y < height; y++) {
      const row = frame.data.subarray(3 * y * width, 3 * (y + 1) * width);
      data.set(row, 3 * ((top + y) * size[0] + left));
    }
  }
  const picture = { width: size[0], height: size[1], channels: 3 as const, data };
  await writeWhole(path, encodePng(picture));
}

/**
 * Writes each frame as a PNG: `folder/00000.png` and on. Returns the paths.
 *
 * @throws {ConfigError} if there are no frames; {ShapeError} if they differ in size.
 */
export async function savePngSequence(
  folder: string,
  frames: readonly Frame[],
): Promise<readonly string[]> {
  checkFrames("savePngSequence", frames);
  const paths: string[] = [];
  for (const [i, { width, height, data }] of frames.entries()) {
    const path = join(folder, `${String(i).padStart(5, "0")}.png`);
    await writeWhole(path, encodePng({ width, height, channels: 3, data }));
    paths.push(path);
  }
  return paths;
}

function checkFrames(name: string, frames: readonly Frame[]): Frame {
  const [first] = frames;
  if (first === undefined) {
    throw new ConfigError(
      `${name}: there must be at least one frame, got none; make the environment with ` +
        `{ renderMode: "rgb_array" }`,
    );
  }
  const other = frames.findIndex(
    ({ width, height }) => width !== first.width || height !== first.height,
  );
  if (other < 0) return first;
  const { width, height } = frames[other];
  throw new ShapeError(
    `${name}: frames must have one size, got ${first.width} × ${first.height} first and ` +
      `${width} × ${height} as number ${other}`,
  );
}

function checkWhole(name: string, option: string, value: number): number {
  if (Number.isInteger(value) && value > 0) return value;
  throw new ConfigError(`${name}: ${option} must be a positive integer, got ${value}`);
}

function joined(frames: readonly Frame[]): Uint8Array {
  const size = frames[0].data.length;
  const all = new Uint8Array(size * frames.length);
  for (const [i, { data }] of frames.entries()) all.set(data, i * size);
  return all;
}

/** Writes beside the file and renames, so that nobody reads half of it. */
async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const beside = `${path}.${process.pid}.part`;
  try {
    await writeFile(beside, bytes);
    await rename(beside, path);
  } catch (cause) {
    await rm(beside, { force: true });
    throw cause;
  }
}
