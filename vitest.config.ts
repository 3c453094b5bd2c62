import { defineConfig } from "vitest/config";
import { CountReporter } from "./tools/count-reporter.ts";

// Doors resolve to the sources, so that tests import by public name without a build.
const conditions = ["athanor-source", "node", "import", "module", "default"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts", "tools/**/*.test.ts"],
    setupFiles: ["test/setup.ts"],
    reporters: ["default", new CountReporter()],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 120_000,
    sequence: { hooks: "stack" },
    coverage: { include: ["src/**/*.ts"], exclude: ["**/*.test.ts"], reporter: ["text", "html"] },
  },
});
