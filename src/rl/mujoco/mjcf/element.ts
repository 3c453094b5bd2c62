/** Values of attributes: lists are written with spaces between. */
export type MjcfAttributes = Readonly<
  Record<string, string | number | boolean | readonly number[] | undefined>
>;

/** Writes one element of a model in MuJoCo's XML. Children follow each other in their order. */
export function element(
  name: string,
  attributes: MjcfAttributes = {},
  ...children: readonly string[]
): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${escape(String(joined(value)))}"`)
    .join("");
  if (children.length === 0) return `<${name}${written}/>`;
  return `<${name}${written}>${children.join("")}</${name}>`;
}

// Numbers print with as many digits as they need to be read back the same.
function joined(value: MjcfAttributes[string]): MjcfAttributes[string] {
  return Array.isArray(value) ? value.join(" ") : value;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
