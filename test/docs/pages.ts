import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

/** The repository root. */
export const root: string = join(import.meta.dirname, "../..");

/** A fenced block of a page. */
export interface Block {
  /** Language and words after the opening fence. */
  readonly info: readonly string[];
  readonly code: string;
  /** Line of the opening fence, from 1. */
  readonly line: number;
}

/** What a page promises a block prints. */
interface Output {
  readonly line: number;
  readonly text: string;
}

/** TypeScript blocks of a page that form one module, and what they are said to print. */
export interface Program {
  readonly name: string;
  readonly code: string;
  readonly outputs: readonly Output[];
}

/** A Markdown file. */
export interface Page {
  /** From the root. */
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly Block[];
}

/** Every page a reader may open: the README and docs/, without generated ones. */
export function readPages(): Page[] {
  const docs = readdirSync(join(root, "docs"), { recursive: true })
    .map((name) => join("docs", String(name)))
    .filter((path) => path.endsWith(".md") && !path.startsWith(join("docs", "api")));
  const paths = existsSync(join(root, "README.md")) ? ["README.md", ...docs.toSorted()] : docs;
  return paths.map((path) => {
    const text = readFileSync(join(root, path), "utf8");
    return { path, text, blocks: blocksOf(text) };
  });
}

function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  let open: { fence: string; info: string[]; line: number; lines: string[] } | undefined;
  for (const [i, line] of text.split("\n").entries()) {
    const fence = /^(`{3,}|-->)(.*)$/.exec(line);
    if (open !== undefined && fence?.[1] === open.fence && fence[2].trim() === "") {
      blocks.push({ info: open.info, code: open.lines.join("\n"), line: open.line });
      open = undefined;
    } else if (open !== undefined) open.lines.push(line);
    else if (fence !== null) {
      open = { fence: fence[1], info: fence[2].trim().split(/\s+/), line: i + 1, lines: [] };
    } else if (line === "<!-- setup") {
      open = { fence: "-->", info: ["ts"], line: i + 1, lines: [] };
    }
  }
  return blocks;
}

/** Line that the generated program prints before each block. */
export const marker = "@block ";

/** Makes `console.log` write objects as Node does, because tests replace the console. */
const prelude = [
  'import { format as formatForPage } from "node:util";',
  "const console = {",
  "  log: (...values: unknown[]): void => globalThis.console.log(formatForPage(...values)),",
  "};",
];

/**
 * The programs of a page. Blocks fenced as `ts` are run one after the other as one module, as a
 * reader meets them; `ts new` starts another module, `ts nocheck` is shown only. A comment that
 * starts with `<!-- setup` is code the reader does not see. A block `text output` is what the block
 * before it prints.
 */
export function programsOf(page: Page): Program[] {
  const programs: { code: string[]; imports: string[]; outputs: Output[] }[] = [];
  for (const { info, code, line } of page.blocks) {
    const [language, word] = info;
    const current = programs.at(-1);
    if (language === "text" && word === "output") current?.outputs.push({ line, text: code });
    if (language !== "ts" || word === "nocheck") continue;
    const program =
      current === undefined || word === "new" ? { code: [], imports: [], outputs: [] } : current;
    if (program !== current) programs.push(program);
    const { imports, body } = splitImports(code);
    program.imports.push(...imports);
    program.code.push(`globalThis.console.log("${marker}${line}");`, body);
  }
  const stem = page.path.replaceAll(/[/\\.]/g, "-");
  return programs.map(({ code, imports, outputs }, i) => ({
    name: `${stem}-${i}`,
    code: [...imports, ...prelude, ...code, ""].join("\n"),
    outputs,
  }));
}

/** Imports stand at the top of a module, wherever the page introduces them. */
function splitImports(code: string): { imports: string[]; body: string } {
  const pattern = /^import [^;]*;$/gms;
  return { imports: code.match(pattern) ?? [], body: code.replaceAll(pattern, "") };
}

/** The page without its code blocks, where links and names of files are looked for. */
function proseOf(text: string): string {
  return text.replaceAll(/^(`{3,})[^\n]*\n.*?^\1$/gms, "");
}

/** The anchor that GitHub gives a heading. */
function anchorOf(heading: string): string {
  const words = heading.replaceAll(/[`*]|\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
  return words.replaceAll(/[^\p{L}\p{N}\s_-]/gu, "").replaceAll(/\s/g, "-");
}

function anchorsOf(text: string): string[] {
  return [...proseOf(text).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading.trim()));
}

/** Links and pictures whose target inside the repository is not there. */
export function brokenLinks({ path, text }: Page): string[] {
  const prose = proseOf(text);
  const links = [
    ...prose.matchAll(/\]\(([^)\s]+)[^)]*\)/g),
    ...prose.matchAll(/(?:src|href|srcset)="([^"]+)"/g),
  ];
  return links.flatMap(([, target]) => {
    if (/^[a-z]+:/.test(target)) return [];
    const [file, anchor] = target.split("#");
    const full = file === "" ? join(root, path) : resolve(root, dirname(path), file);
    if (!existsSync(full)) return [`${path}: ${target}`];
    if (anchor === undefined || !full.endsWith(".md")) return [];
    const isKnown = anchorsOf(readFileSync(full, "utf8")).includes(anchor);
    return isKnown ? [] : [`${path}: ${target} (no such heading in ${relative(root, full)})`];
  });
}

/** Files and folders of the repository that the prose names in backticks and that are not there. */
export function missingFiles({ path, text }: Page): string[] {
  const named = proseOf(text).matchAll(/`((?:src|test|tools|bench|examples|docs)\/[\w./-]+)`/g);
  return [...named].flatMap(([, name]) =>
    existsSync(join(root, name)) ? [] : [`${path}: ${name}`],
  );
}

function hasScript(name: string, folder: string): boolean {
  const manifest: unknown = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
  const { scripts } = manifest as { readonly scripts: Readonly<Record<string, string>> };
  return name in scripts;
}

/** Scripts that a page tells the reader to run and package.json lacks. */
export function missingScripts({ path, text }: Page): string[] {
  const commands = text.matchAll(/npm run ([\w:-]+)(?: --workspace (\w+))?/g);
  return [...commands].flatMap(([command, name, folder = "."]) =>
    hasScript(name, folder) ? [] : [`${path}: ${command}`],
  );
}
