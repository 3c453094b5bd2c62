import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { basename, delimiter, dirname, join } from "node:path";
import { DeviceError } from "../../base/errors.ts";
import type { Ffi, ForeignLibrary } from "./ffi.ts";
import type { LibraryName } from "./library-executor.ts";

/** Where to look, and for what; a parameter, so that tests bring a machine of their own. */
export interface SearchEnvironment {
  variable(name: string): string | undefined;
  /** Names in a folder; empty if there is none. */
  list(folder: string): readonly string[];
  exists(path: string): boolean;
  /** Folders of packages of the Python on the path; asked only if nothing else has a library. */
  pythonFolders(): readonly string[];
}

interface LibraryFacts {
  /** File names, best first; `{cuda}` stands for the majors the driver allows. */
  readonly files: readonly string[];
  /** Folders inside Python's packages. */
  readonly packageFolders: readonly string[];
  readonly purpose: string;
  /** What the lack of it costs. */
  readonly cost: string;
  /** Names of the Python package for CUDA 13 and CUDA 12. */
  readonly packages: readonly [newer: string, older: string];
}

const facts: Readonly<Record<LibraryName, LibraryFacts>> = {
  nvrtc: {
    files: ["libnvrtc.so.{cuda}"],
    packageFolders: ["cu{cuda}/lib", "cuda_nvrtc/lib"],
    purpose: "compiles the kernels",
    cost: "no program can be compiled",
    packages: ["nvidia-cuda-nvrtc", "nvidia-cuda-nvrtc-cu12"],
  },
  cublasLt: {
    files: ["libcublasLt.so.{cuda}"],
    packageFolders: ["cu{cuda}/lib", "cublas/lib"],
    purpose: "matrix products",
    cost: "products run on generated kernels, which are many times slower",
    packages: ["nvidia-cublas", "nvidia-cublas-cu12"],
  },
  cudnn: {
    files: ["libcudnn.so.9"],
    packageFolders: ["cudnn/lib"],
    purpose: "convolutions and attention",
    cost: "convolutions and attention run on generated kernels, which are slower",
    packages: ["nvidia-cudnn-cu13", "nvidia-cudnn-cu12"],
  },
  nccl: {
    files: ["libnccl.so.2"],
    packageFolders: ["nccl/lib"],
    purpose: "several cards",
    cost: "cards cannot work together",
    packages: ["nvidia-nccl-cu13", "nvidia-nccl-cu12"],
  },
};

/** Libraries another one opens by name: they must be in the process before it. */
const companions: Readonly<Partial<Record<LibraryName, readonly LibraryName[]>>> = {
  cudnn: ["cublasLt", "nvrtc"],
};

const systemFolders = [
  "/usr/local/cuda/lib64",
  "/usr/lib/x86_64-linux-gnu",
  "/usr/lib/aarch64-linux-gnu",
  "/usr/lib64",
  "/usr/local/nvidia/lib64",
  "/usr/lib/wsl/lib",
];

/** A library found or missed, for people. */
export interface LibraryReport {
  readonly name: LibraryName;
  readonly purpose: string;
  /** File that was opened, or null. */
  readonly path: string | null;
  /** What is missing, what that costs and what to install; null if the library is there. */
  readonly missing: string | null;
}

/** Finds and opens the driver and the libraries beside it. */
export class LibrarySearch {
  private readonly ffi: Ffi;
  private readonly environment: SearchEnvironment;
  private readonly found: Map<LibraryName, ForeignLibrary | null> = new Map();
  /** Kept open for others that ask for them by name. */
  private readonly kept: ForeignLibrary[] = [];
  private cudaMajor: number = 13;
  private folders: readonly string[] | null = null;

  constructor(ffi: Ffi, environment: SearchEnvironment = hostEnvironment) {
    this.ffi = ffi;
    this.environment = environment;
  }

  /** The driver. @throws {DeviceError} if it is not installed. */
  driver(): ForeignLibrary {
    const names = ["libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1"];
    let reason = "";
    for (const name of names) {
      try {
        return this.ffi.open(name);
      } catch (error) {
        reason ||= error instanceof Error ? error.message : String(error);
      }
    }
    throw new DeviceError(
      `cuda: the NVIDIA driver's libcuda.so.1 must be installed, got: ${reason}; install the ` +
        "driver (in a container: start it with its GPUs, such as `docker run --gpus all`), or use " +
        'the device "wasm"',
    );
  }

  /** Lets only libraries be found that a driver of this version can work with. */
  setDriverVersion(version: number): void {
    this.cudaMajor = Math.max(Math.floor(version / 1000), 12);
  }

  /** An open library, or null if it is not installed. */
  find(name: LibraryName): ForeignLibrary | null {
    let library = this.found.get(name);
    if (library === undefined) {
      for (const companion of companions[name] ?? []) this.find(companion);
      library = this.search(name);
      this.found.set(name, library);
    }
    return library;
  }

  /** An open library. @throws {DeviceError} that says what to install. */
  open(name: LibraryName): ForeignLibrary {
    const library = this.find(name);
    if (library !== null) return library;
    throw new DeviceError(`cuda: ${this.missing(name)}`);
  }

  /** What is there and what is missing. */
  report(): LibraryReport[] {
    return (Object.keys(facts) as LibraryName[]).map((name) => {
      const path = this.find(name)?.path ?? null;
      const missing = path === null ? this.missing(name) : null;
      return { name, purpose: facts[name].purpose, path, missing };
    });
  }

  private missing(name: LibraryName): string {
    const { cost, files, packages } = facts[name];
    const file = this.expand(files)[0];
    const wheel = packages[this.cudaMajor >= 13 ? 0 : 1];
    return (
      `${file} is missing, so ${cost}; pip install ${wheel} (or set ` +
      "ATHANOR_CUDA_LIBS to the folder that has it)"
    );
  }

  /** The majors a driver can work with, newest first. */
  private majors(): number[] {
    const majors: number[] = [];
    for (let major = this.cudaMajor; major >= 12; major--) majors.push(major);
    return majors;
  }

  private expand(patterns: readonly string[]): string[] {
    return patterns.flatMap((pattern) =>
      pattern.includes("{cuda}")
        ? this.majors().map((major) => pattern.replace("{cuda}", String(major)))
        : [pattern],
    );
  }

  private search(name: LibraryName): ForeignLibrary | null {
    const files = this.expand(facts[name].files);
    const own = list(this.environment.variable("ATHANOR_CUDA_LIBS"));
    const stages: (() => ForeignLibrary | null)[] = [
      () => this.openIn(own, files),
      () => this.openNamed(files),
      () => this.openIn(this.knownFolders(name), files),
      () => this.openIn(this.inPackages(name, this.environment.pythonFolders()), files),
    ];
    for (const stage of stages) {
      const library = stage();
      if (library !== null) return library;
    }
    return null;
  }

  /** Through the loader's own search. */
  private openNamed(files: readonly string[]): ForeignLibrary | null {
    for (const file of files) {
      const library = this.tryOpen(file);
      if (library !== null) return library;
    }
    return null;
  }

  private openIn(folders: readonly string[], files: readonly string[]): ForeignLibrary | null {
    for (const folder of folders) {
      for (const file of files) {
        const path = join(folder, file);
        if (!this.environment.exists(path)) continue;
        this.openBuiltins(path);
        const library = this.tryOpen(path);
        if (library !== null) return library;
      }
    }
    return null;
  }

  /** NVRTC asks for its built-in functions by name, where the loader does not look. */
  private openBuiltins(path: string): void {
    if (!basename(path).startsWith("libnvrtc.so")) return;
    const names = this.environment.list(dirname(path));
    for (const name of names.filter((file) => /^libnvrtc-builtins\.so\.\d/.test(file))) {
      const library = this.tryOpen(join(dirname(path), name));
      if (library !== null) this.kept.push(library);
    }
  }

  private tryOpen(path: string): ForeignLibrary | null {
    try {
      return this.ffi.open(path);
    } catch {
      return null;
    }
  }

  private inPackages(name: LibraryName, sites: readonly string[]): string[] {
    const inside = this.expand(facts[name].packageFolders);
    return sites.flatMap((site) => inside.map((folder) => join(site, "nvidia", folder)));
  }

  private knownFolders(name: LibraryName): string[] {
    const variable = (name: string): string | undefined => this.environment.variable(name);
    const prefixes = [variable("VIRTUAL_ENV"), variable("CONDA_PREFIX")].flatMap(list);
    const sites = prefixes.flatMap((prefix) => this.sitesOf(prefix));
    this.folders ??= [
      ...list(variable("CONDA_PREFIX")).map((prefix) => join(prefix, "lib")),
      ...[variable("CUDA_HOME"), variable("CUDA_PATH")].flatMap(list).flatMap(toolkitFolders),
      ...systemFolders,
    ];
    return [...this.inPackages(name, sites), ...this.folders];
  }

  private sitesOf(prefix: string): string[] {
    const lib = join(prefix, "lib");
    const pythons = this.environment.list(lib).filter((name) => /^python3\.\d+$/.test(name));
    return pythons.map((python) => join(lib, python, "site-packages"));
  }
}

function list(value: string | undefined): string[] {
  return (value ?? "").split(delimiter).filter(Boolean);
}

function toolkitFolders(home: string): string[] {
  return ["lib64", "lib", "targets/x86_64-linux/lib", "targets/sbsa-linux/lib"].map((folder) =>
    join(home, folder),
  );
}

function askPython(): string[] {
  const program = "import site, sysconfig; print(sysconfig.get_path('purelib'));";
  const users = "print(site.getusersitepackages()); print(*site.getsitepackages(), sep='\\n')";
  try {
    const options = { encoding: "utf8", timeout: 5000, stdio: "pipe" } as const;
    const text = execFileSync("python3", ["-c", program + users], options);
    return [...new Set(text.split("\n").filter(Boolean))];
  } catch {
    // Without a Python there are no packages of its.
    return [];
  }
}

let pythonAnswer: readonly string[] | undefined;

const hostEnvironment: SearchEnvironment = {
  variable: (name) => process.env[name],
  list: (folder) => {
    try {
      return readdirSync(folder);
    } catch {
      return [];
    }
  },
  exists: existsSync,
  pythonFolders: () => (pythonAnswer ??= askPython()),
};
