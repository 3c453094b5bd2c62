import { describe, expect, it } from "vitest";
import type { Ffi } from "./ffi.ts";
import { LibrarySearch } from "./library-search.ts";
import type { SearchEnvironment } from "./library-search.ts";

/** A machine with these files; those in `loadable` are also found by their bare names. */
function machine(
  files: readonly string[],
  options: {
    readonly variables?: Readonly<Record<string, string>>;
    readonly loadable?: readonly string[];
    readonly python?: readonly string[];
  } = {},
): { search: LibrarySearch; opened: string[]; asked: () => number } {
  const opened: string[] = [];
  let asked = 0;
  const ffi: Ffi = {
    open: (path) => {
      if (!files.includes(path) && options.loadable?.includes(path) !== true) {
        throw new Error(`${path}: cannot open shared object file`);
      }
      opened.push(path);
      return {
        path,
        has: () => false,
        function: () => expect.unreachable("no function is called"),
      };
    },
    address: () => 0,
    view: (_address, bytes) => new ArrayBuffer(bytes),
  };
  const environment: SearchEnvironment = {
    variable: (name) => options.variables?.[name],
    list: (folder) => {
      const inside = files.filter((file) => file.startsWith(`${folder}/`));
      return [...new Set(inside.map((file) => file.slice(folder.length + 1).split("/")[0]))];
    },
    exists: (path) => files.includes(path),
    pythonFolders: () => {
      asked++;
      return options.python ?? [];
    },
  };
  return { search: new LibrarySearch(ffi, environment), opened, asked: () => asked };
}

const site = "/venv/lib/python3.12/site-packages/nvidia";

describe("search for libraries", () => {
  it("takes the named folder first, then the loader's", () => {
    const own = "/own/libcublasLt.so.13";
    const loadable = ["libcublasLt.so.13"];
    const named = machine([own], { loadable, variables: { ATHANOR_CUDA_LIBS: "/none:/own" } });
    expect(named.search.find("cublasLt")?.path).toBe(own);
    expect(machine([own], { loadable }).search.find("cublasLt")?.path).toBe("libcublasLt.so.13");
  });

  it.each([
    ["a virtual environment", `${site}/cu13/lib/libcublasLt.so.13`, { VIRTUAL_ENV: "/venv" }],
    ["conda's packages", `${site}/cublas/lib/libcublasLt.so.12`, { CONDA_PREFIX: "/venv" }],
    ["conda", "/conda/lib/libcublasLt.so.12", { CONDA_PREFIX: "/conda" }],
    ["a toolkit", "/opt/cuda/lib64/libcublasLt.so.13", { CUDA_HOME: "/opt/cuda" }],
    ["its targets", "/c/targets/x86_64-linux/lib/libcublasLt.so.13", { CUDA_PATH: "/c" }],
    ["the system", "/usr/local/cuda/lib64/libcublasLt.so.12", {}],
  ])("finds libraries of %s", (_place, file, variables) => {
    expect(machine([file], { variables }).search.find("cublasLt")?.path).toBe(file);
  });

  it("asks Python only when nothing else has the library, and once", () => {
    const file = "/site/nvidia/cudnn/lib/libcudnn.so.9";
    const { asked, search } = machine([file], { loadable: ["libnvrtc.so.13"], python: ["/site"] });
    expect(search.find("nvrtc")?.path).toBe("libnvrtc.so.13");
    expect(asked()).toBe(0);
    expect(search.find("cudnn")?.path).toBe(file);
    expect(search.find("cudnn")?.path).toBe(file);
  });

  it("opens NVRTC's built-in functions before NVRTC", () => {
    const folder = `${site}/cu13/lib`;
    const files = ["libnvrtc.so.13", "libnvrtc-builtins.so.13.0"].map(
      (name) => `${folder}/${name}`,
    );
    const { opened, search } = machine(files, { variables: { VIRTUAL_ENV: "/venv" } });
    search.find("nvrtc");
    expect(opened).toEqual(files.toReversed());
  });

  it("opens what cuDNN asks for by name before cuDNN", () => {
    const loadable = ["libcudnn.so.9", "libcublasLt.so.13", "libnvrtc.so.13"];
    const { opened, search } = machine([], { loadable });
    search.find("cudnn");
    expect(opened).toEqual(["libcublasLt.so.13", "libnvrtc.so.13", "libcudnn.so.9"]);
  });

  it("takes no library that is newer than the driver", () => {
    const loadable = ["libnvrtc.so.13", "libnvrtc.so.12"];
    const { search } = machine([], { loadable });
    search.setDriverVersion(12_040);
    expect(search.find("nvrtc")?.path).toBe("libnvrtc.so.12");
  });

  it.each([
    [
      13_000,
      "nvrtc",
      "libnvrtc.so.13 is missing, so no program can be compiled",
      "nvidia-cuda-nvrtc",
    ],
    [12_080, "nvrtc", "libnvrtc.so.12 is missing", "nvidia-cuda-nvrtc-cu12"],
    [
      13_000,
      "cublasLt",
      "so products run on generated kernels, which are many times slower",
      "nvidia-cublas",
    ],
    [
      13_000,
      "cudnn",
      "libcudnn.so.9 is missing, so convolutions and attention run",
      "nvidia-cudnn-cu13",
    ],
    [13_000, "nccl", "so cards cannot work together", "nvidia-nccl-cu13"],
  ] as const)(
    "with a driver for %i, says what the lack of %s costs",
    (version, name, text, wheel) => {
      const { search } = machine([]);
      search.setDriverVersion(version);
      const message = search.report().find((line) => line.name === name)?.missing ?? "";
      expect(message).toContain(text);
      expect(message).toContain(`pip install ${wheel} (or set ATHANOR_CUDA_LIBS`);
      expect(message).not.toContain("\n");
      expect(() => search.open(name)).toThrow(text);
    },
  );

  it("says how to get the driver", () => {
    expect(() => machine([]).search.driver()).toThrow(
      /libcuda\.so\.1 must be installed, got: .*docker/,
    );
  });
});
