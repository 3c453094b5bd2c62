import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inflateSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CheckpointError, ConfigError, ShapeError, UsageError } from "../base/errors.ts";
import { hostTensor } from "../data/host-tensor.ts";
import { histogramOf } from "./tensorboard-histogram.ts";
import { readScalars } from "./tensorboard-reader.ts";
import { crc32c, decodeRecords, encodeRecord, maskedCrc32c } from "./tensorboard-record.ts";
import {
  bytesField,
  decodeFields,
  doubleField,
  floatField,
  integerField,
} from "./tensorboard-wire.ts";
import { SummaryWriter } from "./tensorboard-writer.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "athanor-tensorboard-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const onlyFile = (): string => join(folder, readdirSync(folder)[0]);

/** The summary values of all events after the first one. */
function values(): Map<number, bigint | Uint8Array>[] {
  const records = [...decodeRecords(readFileSync(onlyFile()), "file")].slice(1);
  return records.map((record) => {
    const summary = [...decodeFields(record)].find(({ number }) => number === 5)?.value;
    const [value] = decodeFields(summary as Uint8Array);
    return new Map([...decodeFields(value.value as Uint8Array)].map((f) => [f.number, f.value]));
  });
}

const text = (value: unknown): string => new TextDecoder().decode(value as Uint8Array);
const fields = (value: unknown) =>
  new Map([...decodeFields(value as Uint8Array)].map((f) => [f.number, f.value]));

describe("records", () => {
  it("have the checksums of RFC 3720", () => {
    expect(crc32c(new TextEncoder().encode("123456789"))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    // What TensorBoard's own masked_crc32c(b"hello") gives.
    expect(maskedCrc32c(new TextEncoder().encode("hello"))).toBe(421_273_531);
  });

  it("come back, without one that was cut off", () => {
    const bytes = Buffer.concat(
      [[1, 2, 3], [], [4]].map((data) => encodeRecord(Uint8Array.from(data))),
    );
    const read = (end: number): number[][] =>
      [...decodeRecords(bytes.subarray(0, end), "x")].map((data) => [...data]);
    expect(read(bytes.length)).toEqual([[1, 2, 3], [], [4]]);
    for (let cut = 19 + 16; cut < bytes.length; cut++) expect(read(cut)).toEqual([[1, 2, 3], []]);
    bytes[12] ^= 1;
    expect(() => read(bytes.length)).toThrow("the record at byte 0 of x must match its checksum");
    bytes[12] ^= 1;
    bytes[20] ^= 1;
    expect(() => read(bytes.length)).toThrow("the record at byte 19 of x");
  });
});

describe("fields", () => {
  it("follow the wire format", () => {
    expect([...integerField(1, 150)]).toEqual([0x08, 0x96, 0x01]);
    expect([...integerField(2, -1)]).toEqual([0x10, ...new Array<number>(9).fill(255), 1]);
    expect([...bytesField(2, "testing")]).toEqual([
      0x12,
      7,
      ...new TextEncoder().encode("testing"),
    ]);
    expect([...floatField(20, 1)]).toEqual([0xa5, 0x01, 0, 0, 0x80, 0x3f]);
    expect([...doubleField(1, 1)]).toEqual([0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
    const [{ value }] = decodeFields(integerField(2, -7));
    expect(value).toBe(-7n);
  });

  it("must be whole", () => {
    for (const bytes of [
      [0x08],
      [0x12, 5, 1],
      [0x09, 1],
      [0x0b],
      [8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
    ]) {
      expect(() => [...decodeFields(Uint8Array.from(bytes))]).toThrow(CheckpointError);
    }
  });
});

describe("SummaryWriter", () => {
  it("writes scalars that come back", () => {
    const writer = new SummaryWriter(folder);
    writer.addScalar("loss/train", 0.5, 1, { walltime: 12.5 });
    writer.addScalar("loss/train", 0.25, 2 ** 40, { walltime: 13 });
    writer.addScalar("ä", NaN, -3);
    writer.flush();
    const name = readdirSync(folder)[0];
    expect(name).toMatch(/^events\.out\.tfevents\.\d{10,}\./);
    const scalars = readScalars(folder);
    expect(scalars.get("loss/train")).toEqual([
      { step: 1, value: 0.5, wallTime: 12.5 },
      { step: 2 ** 40, value: 0.25, wallTime: 13 },
    ]);
    expect(scalars.get("ä")?.[0]).toMatchObject({ step: -3, value: NaN });
    expect(readScalars(onlyFile())).toEqual(scalars);
    const [version] = decodeRecords(readFileSync(onlyFile()), "file");
    expect(text(fields(version).get(3))).toBe("brain.Event:2");
    writer.close();
    writer.close();
    expect(() => writer.addScalar("x", 1)).toThrow(UsageError);
    expect(() => writer.flush()).toThrow("was closed");
  });

  it("gives each of several scalars a folder", () => {
    using writer = new SummaryWriter(folder);
    writer.addScalars("run/loss", { train: 1, test: 2 }, 1);
    writer.addScalars("run/loss", { train: 0.5 }, 2);
    const folders = readdirSync(folder).filter((name) => !name.startsWith("events"));
    expect(folders.toSorted()).toEqual(["run_loss_test", "run_loss_train"]);
    const train = readScalars(join(folder, "run_loss_train")).get("run/loss");
    expect(train?.map(({ step, value }) => [step, value])).toEqual([
      [1, 1],
      [2, 0.5],
    ]);
  });

  it("writes images as PNG, whatever the order of their dims", () => {
    using writer = new SummaryWriter(folder);
    const chw = hostTensor(Uint8Array.of(1, 2, 11, 12, 21, 22), [3, 1, 2]);
    writer.addImage("a", chw, 4);
    writer.addImage("b", hostTensor(Float32Array.of(0, 0.5, 2, -1), [2, 2]), 4, {
      dataformats: "HW",
    });
    writer.addImage("c", hostTensor(Uint8Array.of(1, 11, 21, 2, 12, 22), [1, 2, 3]), 4, {
      dataformats: "HWC",
    });
    const images = values().map((value) => fields(value.get(4)));
    expect(images.map((image) => [1, 2, 3].map((n) => Number(image.get(n))))).toEqual([
      [1, 2, 3],
      [2, 2, 1],
      [1, 2, 3],
    ]);
    const rows = images.map((image) => {
      const png = image.get(4) as Uint8Array;
      const start = Buffer.from(png).indexOf("IDAT");
      return [...inflateSync(png.subarray(start + 4))];
    });
    expect(rows).toEqual([
      [0, 1, 11, 21, 2, 12, 22],
      [0, 0, 127, 0, 255, 0],
      [0, 1, 11, 21, 2, 12, 22],
    ]);
    expect(() => writer.addImage("d", hostTensor(new Uint8Array(8), [2, 2, 2]))).toThrow(
      ShapeError,
    );
    expect(() => writer.addImage("d", hostTensor(new Uint8Array(4), [2, 2]))).toThrow("got [2, 2]");
  });

  it("writes histograms whose buckets hold all values", () => {
    using writer = new SummaryWriter(folder);
    const data = [-2, -1e-3, 0, 0, 0.5, 3, 3, 1e9];
    writer.addHistogram("weights", data, 1);
    const histogram = fields(values()[0].get(5));
    const doubles = (n: number): number[] => {
      const bytes = histogram.get(n) as Uint8Array;
      return [...new Float64Array(Uint8Array.from(bytes).buffer)];
    };
    expect([1, 2, 3].map((n) => doubles(n)[0])).toEqual([-2, 1e9, 8]);
    const [limits, counts] = [doubles(6), doubles(7)];
    expect(limits).toHaveLength(counts.length);
    expect(counts.reduce((sum, count) => sum + count)).toBe(8);
    expect([counts[0], counts.at(-1)]).toEqual([0, 1]);
    for (const value of data) {
      const bucket = limits.findIndex((limit) => value < limit);
      expect(counts[bucket]).toBeGreaterThan(0);
    }
  });

  it("counts into equally wide buckets like NumPy", () => {
    const { limits, counts } = histogramOf([0, 1, 2, 2.5, 4], 4);
    // np.histogram([0, 1, 2, 2.5, 4], 4) -> [1, 1, 2, 1], [0, 1, 2, 3, 4]
    expect([[...counts], [...limits]]).toEqual([
      [0, 1, 1, 2, 1],
      [0, 1, 2, 3, 4],
    ]);
    expect(histogramOf([7, 7], 2).count).toBe(2);
    expect(() => histogramOf([])).toThrow(ConfigError);
    expect(() => histogramOf([1, NaN])).toThrow("got NaN at 1");
  });

  it("writes texts and hyperparameters for their plugins", () => {
    using writer = new SummaryWriter(folder);
    writer.addText("note", "**hi** ü", 3);
    writer.addHparams({ lr: 0.1, name: "a", nesterov: true }, { "hparam/loss": 0.5 });
    const [note, experiment, start, end, metric] = values();
    expect(text(note.get(1))).toBe("note/text_summary");
    const tensor = fields(note.get(8));
    expect([Number(tensor.get(1)), text(tensor.get(8))]).toEqual([7, "**hi** ü"]);
    const plugin = (value: Map<number, unknown>) => fields(fields(value.get(9)).get(1));
    expect(text(plugin(note).get(1))).toBe("text");
    expect([experiment, start, end].map((value) => text(value.get(1)))).toEqual([
      "_hparams_/experiment",
      "_hparams_/session_start_info",
      "_hparams_/session_end_info",
    ]);
    expect(text(plugin(start).get(1))).toBe("hparams");
    expect(text(metric.get(1))).toBe("hparam/loss");
    expect(() => writer.addScalar("x", 1, 0.5)).toThrow("globalStep must be an integer, got 0.5");
  });
});

describe("readScalars", () => {
  it("reads numbers that newer programs write as tensors", () => {
    const float = bytesField(8, [
      integerField(1, 1),
      bytesField(4, Uint8Array.of(0, 0, 0x80, 0x3f)),
    ]);
    const listed = bytesField(8, [integerField(1, 1), bytesField(5, Uint8Array.of(0, 0, 0, 0x40))]);
    const events = [float, listed].map((tensor, step) =>
      encodeRecord(
        Buffer.concat([
          integerField(2, step),
          bytesField(5, [bytesField(1, [bytesField(1, "acc"), tensor])]),
        ]),
      ),
    );
    const path = join(folder, "x.tfevents");
    writeFileSync(path, Buffer.concat(events));
    expect(
      readScalars(path)
        .get("acc")
        ?.map(({ step, value }) => [step, value]),
    ).toEqual([
      [0, 1],
      [1, 2],
    ]);
  });

  it("refuses damaged and missing files", () => {
    const writer = new SummaryWriter(folder);
    writer.addScalar("x", 1);
    writer.close();
    const bytes = readFileSync(onlyFile());
    bytes[bytes.length - 8] ^= 4;
    writeFileSync(onlyFile(), bytes);
    expect(() => readScalars(folder)).toThrow("must match its checksum");
    expect(() => readScalars(join(folder, "none"))).toThrow("must be an event file or folder");
    expect(() => new SummaryWriter(onlyFile())).toThrow(CheckpointError);
  });
});
