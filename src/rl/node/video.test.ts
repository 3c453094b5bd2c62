import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Frame } from "../frame.ts";
import { make } from "../registry.ts";
import { RecordVideo } from "./record-video.ts";
import { saveGif, savePngSequence, savePngStrip } from "./video.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "athanor-video-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A picture in one colour. */
function plain(red: number, green: number, blue: number, width = 12, height = 8): Frame {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i += 3) data.set([red, green, blue], i);
  return { width, height, data };
}

const frames = [plain(255, 0, 0), plain(0, 255, 0), plain(0, 0, 255), plain(255, 255, 0)];

describe("saveGif", () => {
  it("writes frames, their time, and their colours", async () => {
    const path = join(folder, "new", "colours.gif");
    await saveGif(path, frames, { fps: 20 });
    const { pages, pageHeight, width, delay, loop } = await sharp(path, {
      animated: true,
    }).metadata();
    expect([pages, pageHeight, width, loop]).toEqual([4, 8, 12, 0]);
    expect(delay).toEqual([50, 50, 50, 50]);
    const { data } = await sharp(path, { page: 2 })
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect([...data.subarray(0, 3)]).toEqual([0, 0, 255]);
    expect(readdirSync(join(folder, "new"))).toEqual(["colours.gif"]);
  });

  it("leaves frames out where viewers could not keep up, and shrinks", async () => {
    const path = join(folder, "fast.gif");
    await saveGif(path, frames, { fps: 100, width: 6 });
    const { pages, pageHeight, width, delay } = await sharp(path, { animated: true }).metadata();
    expect([pages, pageHeight, width]).toEqual([2, 4, 6]);
    expect(delay).toEqual([20, 20]);
  });

  it.each([
    [[], {}, /at least one frame, got none; make the environment with \{ renderMode/],
    [frames, { fps: 0 }, /fps must be positive, got 0/],
    [frames, { width: 0 }, /width must be a positive integer, got 0/],
    [[...frames, plain(0, 0, 0, 5, 5)], {}, /got 12 × 8 first and 5 × 5 as number 4/],
  ])("refuses %#", async (wrong, options, message) => {
    await expect(saveGif(join(folder, "no.gif"), wrong, options)).rejects.toThrow(message);
    expect(readdirSync(folder)).not.toContain("no.gif");
  });

  it("leaves nothing half-written", async () => {
    writeFileSync(join(folder, "file"), "");
    await expect(saveGif(join(folder, "file", "x.gif"), frames)).rejects.toThrow(/file/);
  });
});

describe("savePngStrip", () => {
  it("puts frames side by side, from the first to the last", async () => {
    const path = join(folder, "strip.png");
    await savePngStrip(path, frames, { count: 3, columns: 2 });
    const { data, info } = await sharp(path).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).toEqual([28, 20]);
    const at = (x: number, y: number): readonly number[] => [
      ...data.subarray(3 * (y * 28 + x), 3 * (y * 28 + x) + 3),
    ];
    expect(at(2, 2)).toEqual([255, 0, 0]);
    expect(at(14, 2)).toEqual([255, 255, 255]);
    expect(at(20, 2)).toEqual([0, 0, 255]);
    expect(at(2, 14)).toEqual([255, 255, 0]);
    expect(at(20, 14)).toEqual([255, 255, 255]);
  });
});

describe("savePngSequence", () => {
  it("writes a file per frame", async () => {
    const paths = await savePngSequence(join(folder, "sequence"), frames);
    expect(paths.length).toBe(4);
    expect(paths[3]).toBe(join(folder, "sequence", "00003.png"));
    const { channels } = await sharp(paths[1]).stats();
    expect(channels.map(({ mean }) => mean)).toEqual([0, 255, 0]);
  });
});

describe("RecordVideo", () => {
  it("saves the episodes it is asked for", async () => {
    const inner = await make<Float32Array, Float32Array>("Pendulum-v1", {
      renderMode: "rgb_array",
      maxEpisodeSteps: 3,
    });
    const env = new RecordVideo(inner, {
      folder: join(folder, "episodes"),
      episodeTrigger: (episode) => episode !== 1,
      width: 60,
    });
    for (let episode = 0; episode < 3; episode++) {
      env.reset({ seed: episode });
      for (let step = 0; step < 3; step++) env.step(Float32Array.of(1));
    }
    env.reset();
    env.close();
    await env.finished();
    const names = readdirSync(join(folder, "episodes")).toSorted();
    expect(names).toEqual([0, 2, 3].map((episode) => `rl-video-episode-${episode}.gif`));
    const first = readFileSync(join(folder, "episodes", names[0]));
    const { pages, width } = await sharp(first, { animated: true }).metadata();
    expect([pages, width]).toEqual([4, 60]);
  });

  it("hears of what could not be written", async () => {
    writeFileSync(join(folder, "taken"), "");
    const inner = await make("Pendulum-v1", { renderMode: "rgb_array" });
    const env = new RecordVideo(inner, { folder: join(folder, "taken") });
    env.reset({ seed: 0 });
    env.close();
    await expect(env.finished()).rejects.toThrow(/taken/);
  });

  it("refuses an environment that draws no frames", async () => {
    const inner = await make("Pendulum-v1");
    expect(() => new RecordVideo(inner, { folder })).toThrow(
      /renderMode must be rgb_array, got null; make it with/,
    );
  });
});
