/**
 * How {@link Env.render} shows a state: `rgb_array` a {@link Frame}, `rgb_array_list` all frames
 * since the last call, `ansi` text, `human` on the screen.
 */
export type RenderMode = "human" | "rgb_array" | "rgb_array_list" | "ansi";

/** A picture: 8-bit red, green and blue of each point, row by row from the top left. */
export interface Frame {
  readonly width: number;
  readonly height: number;
  /** width × height × 3 bytes. */
  readonly data: Uint8Array;
}
