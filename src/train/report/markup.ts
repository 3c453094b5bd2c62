/** A piece of a report: HTML whose texts are already escaped. */
export interface Markup {
  readonly html: string;
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text as HTML that shows it. */
function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => entities[char]);
}

/** What a template may hold. */
export type MarkupPart = Markup | readonly Markup[] | string | number;

/**
 * Builds markup from a template: texts and numbers in it are escaped, markup is not.
 *
 * @example markup`<p>${"1 < 2"}</p>`.html // "<p>1 &lt; 2</p>"
 */
export function markup(strings: TemplateStringsArray, ...parts: readonly MarkupPart[]): Markup {
  const texts = parts.map((part) => {
    if (typeof part === "string" || typeof part === "number") return escapeHtml(String(part));
    return "html" in part ? part.html : part.map(({ html }) => html).join("");
  });
  return { html: String.raw({ raw: strings }, ...texts) };
}
