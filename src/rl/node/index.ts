/**
 * What of reinforcement learning needs Node: environments in worker threads, videos.
 *
 * @module
 */
export {};
