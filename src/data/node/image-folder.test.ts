import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CheckpointError } from "../../base/errors.ts";
import { DataLoader } from "../data-loader.ts";
import { itemContext } from "../item-context.ts";
import { RandomHorizontalFlip } from "../transforms/flip.ts";
import { readImage } from "./image-file.ts";
import { ImageFolder } from "./image-folder.ts";

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "athanor-images-"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** 3 × 2 pixels whose red tells the position. */
const pixels = Uint8Array.from([0, 40, 80, 120, 160, 200].flatMap((red) => [red, 255 - red, 7]));
const picture = () => sharp(pixels, { raw: { width: 3, height: 2, channels: 3 } });

describe("readImage", () => {
  it("gives planes of red, green and blue, as bytes or as shares", async () => {
    const png = await picture().png().toBuffer();
    const image = await readImage(png);
    expect([image.shape, image.dtype]).toEqual([[3, 2, 3], "u8"]);
    expect([...image.data]).toEqual([
      0, 40, 80, 120, 160, 200, 255, 215, 175, 135, 95, 55, 7, 7, 7, 7, 7, 7,
    ]);
    const fine = await readImage(png, { dtype: "f32" });
    expect(fine.dtype).toBe("f32");
    for (const [i, value] of fine.data.entries()) expect(value).toBeCloseTo(image.data[i] / 255, 5);
  });

  it("turns by the EXIF orientation", async () => {
    const turned = await picture().withMetadata({ orientation: 6 }).png().toBuffer();
    const image = await readImage(turned);
    expect(image.shape).toEqual([3, 3, 2]);
    expect([...image.data.subarray(0, 6)]).toEqual([120, 0, 160, 40, 200, 80]);
  });

  it("converts grey, transparent, 16-bit and CMYK pictures", async () => {
    const grey = sharp(Uint8Array.of(0, 100, 255), { raw: { width: 3, height: 1, channels: 1 } });
    const greyPng = await grey.toColourspace("b-w").png().toBuffer();
    expect([...(await readImage(greyPng)).data]).toEqual([0, 100, 255, 0, 100, 255, 0, 100, 255]);
    const one = await readImage(greyPng, { mode: "grey" });
    expect([one.shape, [...one.data]]).toEqual([
      [1, 1, 3],
      [0, 100, 255],
    ]);
    expect((await readImage(await picture().png().toBuffer(), { mode: "grey" })).shape).toEqual([
      1, 2, 3,
    ]);

    const clear = Uint8Array.of(10, 20, 30, 0, 40, 50, 60, 128);
    const clearPng = await sharp(clear, { raw: { width: 2, height: 1, channels: 4 } })
      .png()
      .toBuffer();
    expect([...(await readImage(clearPng)).data]).toEqual([10, 40, 20, 50, 30, 60]);
    const rgba = await readImage(clearPng, { mode: "rgba" });
    expect([...rgba.data]).toEqual([10, 40, 20, 50, 30, 60, 0, 128]);
    expect((await readImage(greyPng, { mode: "rgba" })).shape).toEqual([4, 1, 3]);

    const deep = Uint16Array.of(0, 1, 2, 65_535, 257, 32_768);
    const deepPng = await sharp(deep, { raw: { width: 2, height: 1, channels: 3 } })
      .toColourspace("rgb16")
      .png()
      .toBuffer();
    const shares = await readImage(deepPng, { dtype: "f32" });
    expect([...shares.data].map((share) => Math.round(share * 65_535))).toEqual([
      0, 65_535, 1, 257, 2, 32_768,
    ]);
    expect([...(await readImage(deepPng)).data]).toEqual([0, 255, 0, 1, 0, 128]);

    const red = sharp({ create: { width: 4, height: 4, channels: 3, background: "#ff0000" } });
    const cmyk = await readImage(await red.toColourspace("cmyk").jpeg().toBuffer());
    expect(cmyk.shape).toEqual([3, 4, 4]);
    expect(cmyk.data[0]).toBeGreaterThan(cmyk.data[16] + 100);
  });

  it("refuses what is no whole image", async () => {
    const jpeg = await sharp({ create: { width: 64, height: 64, channels: 3, background: "#123" } })
      .jpeg()
      .toBuffer();
    await expect(readImage(jpeg.subarray(0, jpeg.length / 2))).rejects.toThrow(CheckpointError);
    await expect(readImage(Uint8Array.of(1, 2, 3))).rejects.toThrow(
      "3 bytes must be a whole image",
    );
    await expect(readImage(join(root, "none.png"))).rejects.toThrow(
      /none\.png must be a whole image/,
    );
    await expect(readImage(jpeg, { mode: "hsv" as "rgb" })).rejects.toThrow("got hsv");
  });
});

describe("ImageFolder", () => {
  it("numbers classes and files by name, below links and subfolders too", async () => {
    const folder = join(root, "pets");
    mkdirSync(join(folder, "dog", "old"), { recursive: true });
    mkdirSync(join(folder, "cat"));
    mkdirSync(join(root, "more"));
    const png = await picture().png().toBuffer();
    for (const name of [
      "dog/b.PNG",
      "dog/a.png",
      "dog/old/0.png",
      "cat/x.png",
      "cat/notes.txt",
      "../more/m.png",
      "top.png",
    ]) {
      writeFileSync(join(folder, name), png);
    }
    symlinkSync(join(root, "more"), join(folder, "ewe"));
    const images = new ImageFolder(folder);
    expect([images.classes, images.classToIdx]).toEqual([
      ["cat", "dog", "ewe"],
      { cat: 0, dog: 1, ewe: 2 },
    ]);
    expect(images.samples.map(({ path }) => path.slice(folder.length + 1))).toEqual([
      "cat/x.png",
      "dog/a.png",
      "dog/b.PNG",
      "dog/old/0.png",
      "ewe/m.png",
    ]);
    expect([...images.targets]).toEqual([0, 1, 1, 1, 2]);

    const loader = new DataLoader(images, { batchSize: 5, prefetch: 2 });
    for await (const { image, label } of loader) {
      expect([image.shape, image.dtype, label.dtype]).toEqual([[5, 3, 2, 3], "u8", "i32"]);
      expect([...(await label.data())]).toEqual([0, 1, 1, 1, 2]);
    }
  });

  it("transforms with the numbers of epoch and index", async () => {
    const images = new ImageFolder(join(root, "pets"), { transform: new RandomHorizontalFlip() });
    const red = async (epoch: number): Promise<number> => {
      const { image } = await images.get(0, itemContext({ index: 0, epoch }));
      return image.data[0];
    };
    const first = await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(red));
    expect(new Set(first)).toEqual(new Set([0, 80]));
    expect(await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(red))).toEqual(first);
  });

  it("refuses folders without classes or images", async () => {
    expect(() => new ImageFolder(join(root, "none"))).toThrow("must be a readable folder");
    expect(() => new ImageFolder(join(root, "more"))).toThrow("a folder per class, got none");
    mkdirSync(join(root, "pets", "fox"));
    expect(() => new ImageFolder(join(root, "pets"))).toThrow(/got none in fox; set allowEmpty/);
    const images = new ImageFolder(join(root, "pets"), { allowEmpty: true });
    expect(images.classes).toContain("fox");
    expect(() => new ImageFolder(join(root, "pets"), { extensions: [".gif"] })).toThrow("(.gif)");
    await expect(images.get(99)).rejects.toThrow("index must be 0 … 4, got 99");
  });
});
