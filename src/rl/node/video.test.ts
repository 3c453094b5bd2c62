import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Frame } from "../frame.ts";
import { make } from "../registry.ts";
import { RecordVideo } from "../wrappers/record-video.ts";
import { VideoFolder } from "./video-folder.ts";
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

describe("VideoFolder", () => {
  it("saves what RecordVideo records", async () => {
    const inner = await make<Float32Array, Float32Array>("Pendulum-v1", {
      renderMode: "rgb_array",
      maxEpisodeSteps: 3,
    });
    const videos = new VideoFolder(join(folder, "episodes"), { width: 60 });
    const env = new RecordVideo(inner, {
      sink: videos.sink,
      episodeTrigger: (episode) => episode !== 1,
    });
    for (let episode = 0; episode < 3; episode++) {
      env.reset({ seed: episode });
      for (let step = 0; step < 3; step++) env.step(Float32Array.of(1));
    }
    env.reset();
    env.close();
    const names = ["0-step-0", "2-step-6", "3-step-9"].map(
      (name) => `rl-video-episode-${name}.gif`,
    );
    const paths = names.map((name) => join(folder, "episodes", name));
    expect(await videos.finished()).toEqual(paths);
    expect(readdirSync(join(folder, "episodes")).toSorted()).toEqual(names);
    const { pages, width } = await sharp(readFileSync(paths[0]), { animated: true }).metadata();
    expect([pages, width]).toEqual([4, 60]);
  });

  it("passes on what could not be written", async () => {
    writeFileSync(join(folder, "taken"), "");
    const videos = new VideoFolder(join(folder, "taken"));
    videos.sink({ episode: 0, firstStep: 0, frames, fps: 10 });
    await expect(videos.finished()).rejects.toThrow(/taken/);
  });
});
