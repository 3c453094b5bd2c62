import { join } from "node:path";
import type { RecordedVideo } from "../wrappers/record-video.ts";
import { saveGif } from "./video.ts";

/** Options of {@link VideoFolder}. */
export interface VideoFolderOptions {
  /** Beginning of the files' names; `rl-video` without it. */
  readonly namePrefix?: string;
  /** Width of the videos in points; that of the frames without it. */
  readonly width?: number;
}

/**
 * Takes what `RecordVideo` records as files named by the episode and the step, over all episodes, in
 * which they begin, such as `rl-video-episode-8-step-1600.gif`:
 *
 * ```ts
 * const videos = new VideoFolder("runs/cheetah/videos");
 * const env = new RecordVideo(drawn, { sink: videos.sink });
 * // … episodes …
 * env.close();
 * console.log(await videos.finished());
 * ```
 *
 * Files are written in the background, whole or not at all.
 */
export class VideoFolder {
  readonly folder: string;
  /** Takes a video: bound, so that it can be handed on. */
  readonly sink: (video: RecordedVideo) => void;
  readonly #writing: Promise<string>[] = [];

  constructor(folder: string, options: VideoFolderOptions = {}) {
    this.folder = folder;
    this.sink = (video) => {
      const written = this.#write(video, options);
      // Whoever awaits `finished` hears of it; until then it must not end the process.
      written.catch(() => {});
      this.#writing.push(written);
    };
  }

  /**
   * The paths of all videos, when they are on disk.
   *
   * @throws what writing one of them threw.
   */
  async finished(): Promise<readonly string[]> {
    return Promise.all(this.#writing);
  }

  async #write(video: RecordedVideo, options: VideoFolderOptions): Promise<string> {
    const { episode, firstStep, frames, fps } = video;
    const { namePrefix = "rl-video", width } = options;
    const path = join(this.folder, `${namePrefix}-episode-${episode}-step-${firstStep}.gif`);
    await saveGif(path, frames, { fps, ...(width !== undefined && { width }) });
    return path;
  }
}
