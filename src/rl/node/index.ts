/**
 * What of reinforcement learning needs Node: environments in worker threads, videos.
 *
 * @module
 */
export type { AsyncVectorEnvOptions } from "./async-vector-env.ts";
export { AsyncVectorEnv, openAsyncVectorEnv } from "./async-vector-env.ts";
export type { EnvSource, ModuleSource, RegisteredSource } from "./env-source.ts";
export { readMjcf } from "./read-mjcf.ts";
export type { VideoFolderOptions } from "./video-folder.ts";
export { VideoFolder } from "./video-folder.ts";
export type { GifOptions, StripOptions } from "./video.ts";
export { saveGif, savePngSequence, savePngStrip } from "./video.ts";
export type { MakeVecNodeOptions } from "./make-vec.ts";
export { makeVec } from "./make-vec.ts";
export type { MonitorOptions } from "./monitor-file.ts";
export { MonitorFile } from "./monitor-file.ts";
export type { EnvMonitorOptions } from "./monitor.ts";
export { Monitor, VectorMonitor } from "./monitor.ts";
