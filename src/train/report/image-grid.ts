import type { Markup } from "./markup.ts";
import { markup } from "./markup.ts";
import type { Picture } from "../../data/node/png.ts";
import { pngDataUri } from "../../data/node/png.ts";

/** A picture with its caption. */
export interface CaptionedPicture {
  readonly picture: Picture;
  readonly caption: string;
  /** A second, fainter line. */
  readonly note?: string;
}

/**
 * Pictures beside each other, each inside the page itself.
 *
 * @param options.scale - screen pixels per pixel of the pictures. @defaultValue 3
 */
export function imageGrid(
  pictures: readonly CaptionedPicture[],
  options: { readonly scale?: number } = {},
): Markup {
  const { scale = 3 } = options;
  const figures = pictures.map(({ picture, caption, note = "" }) => {
    const [width, height] = [picture.width * scale, picture.height * scale];
    return markup`<figure><img src="${pngDataUri(picture)}" width="${width}" height="${height}" alt="${caption}"><figcaption>${caption}<small>${note}</small></figcaption></figure>`;
  });
  return markup`<div class="images">${figures}</div>`;
}
