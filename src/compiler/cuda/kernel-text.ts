/** Lines of C, indented as they are opened and closed. */
export class KernelText {
  private readonly lines: string[] = [];
  private depth = 1;

  add(line: string): void {
    this.lines.push(`${"  ".repeat(this.depth)}${line}`);
  }

  /** A line that does not follow the indentation: `#pragma unroll`. */
  pragma(line: string): void {
    this.lines.push(line);
  }

  /** `head {`, what `body` adds, `}`. */
  block(head: string, body: () => void): void {
    this.add(`${head} {`);
    this.depth++;
    body();
    this.depth--;
    this.add("}");
  }

  toString(): string {
    return this.lines.join("\n");
  }
}
