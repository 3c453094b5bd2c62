import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { ConfigError, ShapeError, UsageError } from "../base/errors.ts";
import type { HostTensor } from "../data/host-tensor.ts";
import { explainWriteError } from "../io/atomic-file.ts";
import type { Picture } from "../data/node/png.ts";
import { encodePng } from "../data/node/png.ts";
import type { HparamValue } from "./tensorboard-event.ts";
import {
  histogramValue,
  hparamValues,
  imageValue,
  scalarValue,
  summaryEvent,
  textValue,
  versionEvent,
} from "./tensorboard-event.ts";
import { histogramOf } from "./tensorboard-histogram.ts";
import { encodeRecord } from "./tensorboard-record.ts";
import type { WireField } from "./tensorboard-wire.ts";

/** When a value was measured. */
export interface SummaryOptions {
  /** Seconds since 1970. @defaultValue now */
  readonly walltime?: number;
}

/** Order of an image's dims. */
export type ImageLayout = "CHW" | "HWC" | "HW";

/** Files of one process must differ in their names. */
let filesOpened = 0;

/**
 * Writes event files that TensorBoard shows, with the method names of
 * `torch.utils.tensorboard.SummaryWriter`. Each event is written at once, so that nothing is lost
 * when the process is killed.
 *
 * @example
 * const writer = new SummaryWriter("runs/digits");
 * writer.addScalar("loss/train", 0.7, 100);
 * writer.addHistogram("weights", await layer.weight.data(), 100);
 * writer.close();
 */
export class SummaryWriter implements Disposable {
  readonly logDir: string;
  readonly #path: string;
  readonly #suffix: string;
  readonly #series = new Map<string, SummaryWriter>();
  #file: number | undefined;
  #written = 0;

  /**
   * Creates the folder and a new file in it.
   *
   * @throws {CheckpointError} if the file cannot be written, such as on a full disk.
   */
  constructor(logDir: string, options: { readonly filenameSuffix?: string } = {}) {
    const now = Date.now() / 1000;
    const name = [Math.floor(now), hostname(), process.pid, filesOpened++].join(".");
    this.#suffix = options.filenameSuffix ?? "";
    this.logDir = logDir;
    this.#path = join(logDir, `events.out.tfevents.${name}${this.#suffix}`);
    this.#attempt(() => {
      mkdirSync(logDir, { recursive: true });
      this.#file = openSync(this.#path, "wx");
    });
    this.#write(versionEvent(now));
  }

  /** Writes a number. */
  addScalar(tag: string, value: number, globalStep = 0, options: SummaryOptions = {}): void {
    this.#add([scalarValue(tag, value)], globalStep, options);
  }

  /**
   * Writes several numbers that TensorBoard shows in one chart. Each has a folder of its own,
   * `<logDir>/<mainTag>_<name>`.
   */
  addScalars(
    mainTag: string,
    values: Readonly<Record<string, number>>,
    globalStep = 0,
    options: SummaryOptions = {},
  ): void {
    this.#requireOpen();
    for (const [name, value] of Object.entries(values)) {
      const folder = join(this.logDir, `${mainTag.replaceAll("/", "_")}_${name}`);
      let writer = this.#series.get(folder);
      if (writer === undefined) {
        writer = new SummaryWriter(folder, { filenameSuffix: this.#suffix });
        this.#series.set(folder, writer);
      }
      writer.addScalar(mainTag, value, globalStep, options);
    }
  }

  /**
   * Writes how values are distributed.
   *
   * @param options.bins - "tensorflow" for buckets that grow by a tenth, or a number of equally
   *   wide ones. @defaultValue "tensorflow"
   * @throws {ConfigError} if there are no values, or some are not finite.
   */
  addHistogram(
    tag: string,
    values: ArrayLike<number>,
    globalStep = 0,
    options: SummaryOptions & { readonly bins?: "tensorflow" | number } = {},
  ): void {
    const histogram = histogramOf(values, options.bins);
    this.#add([histogramValue(tag, histogram)], globalStep, options);
  }

  /**
   * Writes an image as PNG: u8 from 0 to 255, or floats from 0 to 1.
   *
   * @param options.dataformats - order of the dims. @defaultValue "CHW"
   * @throws {ShapeError} if it does not have 1, 3 or 4 channels.
   */
  addImage(
    tag: string,
    image: HostTensor,
    globalStep = 0,
    options: SummaryOptions & { readonly dataformats?: ImageLayout } = {},
  ): void {
    const picture = pictureOf(image, options.dataformats ?? "CHW");
    this.#add([imageValue(tag, picture, encodePng(picture))], globalStep, options);
  }

  /** Writes a text; TensorBoard shows it as Markdown. */
  addText(tag: string, text: string, globalStep = 0, options: SummaryOptions = {}): void {
    this.#add([textValue(tag, text)], globalStep, options);
  }

  /**
   * Writes what a run was set to and what came out, for TensorBoard's table of runs. Call it once
   * per folder.
   */
  addHparams(
    hparams: Readonly<Record<string, HparamValue>>,
    metrics: Readonly<Record<string, number>>,
    options: SummaryOptions & { readonly globalStep?: number } = {},
  ): void {
    const { globalStep = 0, walltime = Date.now() / 1000 } = options;
    const values = hparamValues(hparams, Object.keys(metrics), walltime);
    for (const value of values) this.#add([value], globalStep, { walltime });
    for (const [tag, value] of Object.entries(metrics)) {
      this.addScalar(tag, value, globalStep, { walltime });
    }
  }

  /** Does nothing: every event is in the file as soon as its method returns. */
  flush(): void {
    this.#requireOpen();
  }

  /** Closes the files. */
  close(): void {
    for (const writer of this.#series.values()) writer.close();
    this.#series.clear();
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  /** Closes the files. */
  [Symbol.dispose](): void {
    this.close();
  }

  #add(values: readonly WireField[][], step: number, { walltime }: SummaryOptions): void {
    if (!Number.isSafeInteger(step)) {
      throw new ConfigError(`SummaryWriter: globalStep must be an integer, got ${step}`);
    }
    this.#write(summaryEvent({ wallTime: walltime ?? Date.now() / 1000, step }, values));
  }

  #write(event: Uint8Array): void {
    const file = this.#requireOpen();
    const record = encodeRecord(event);
    for (let done = 0; done < record.length;) {
      done += this.#attempt(() => writeSync(file, record, done));
    }
    this.#written += record.length;
  }

  #requireOpen(): number {
    if (this.#file !== undefined) return this.#file;
    throw new UsageError(`SummaryWriter: ${this.#path} was closed; make another writer`);
  }

  #attempt<Result>(write: () => Result): Result {
    try {
      return write();
    } catch (error) {
      throw explainWriteError(error, this.#path, this.#written);
    }
  }
}

/** Bytes in rows, as PNG has them. */
function pictureOf(image: HostTensor, layout: ImageLayout): Picture {
  const sizeOf = (dim: string): number | undefined => image.shape[layout.indexOf(dim)];
  const [height = 0, width = 0] = [sizeOf("H"), sizeOf("W")];
  const channels = layout === "HW" ? 1 : sizeOf("C");
  const isPicture = channels === 1 || channels === 3 || channels === 4;
  if (image.shape.length !== layout.length || !isPicture || height === 0 || width === 0) {
    throw new ShapeError(
      `addImage: an image ${layout} must have 1, 3 or 4 channels and pixels, ` +
        `got [${image.shape.join(", ")}]; name the order of its dims by dataformats`,
    );
  }
  const scale = image.data instanceof Float32Array || image.data instanceof Float64Array ? 255 : 1;
  const pixels = height * width;
  const data = new Uint8Array(pixels * channels);
  for (let i = 0; i < data.length; i++) {
    const from = layout === "CHW" ? (i % channels) * pixels + Math.floor(i / channels) : i;
    data[i] = Math.min(255, Math.max(0, Number(image.data[from]) * scale));
  }
  return { width, height, channels, data };
}
