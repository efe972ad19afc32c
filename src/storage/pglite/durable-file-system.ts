import { closeSync, fdatasyncSync, fsyncSync, openSync } from 'node:fs';
import { NodeFS } from '@electric-sql/pglite/nodefs';

/** The parts of Emscripten's NODEFS that are touched here. They are internals: PGlite's version is pinned, and a test counts fsyncs. */
interface NodeMount {
  readonly realPath: (node: unknown) => string;
  readonly stream_ops: Record<string, unknown>;
}
interface Stream {
  readonly node: unknown;
  /** The descriptor of the real file. Directories have none. */
  readonly nfd?: number;
}
type InitResult = Awaited<ReturnType<NodeFS['init']>>;

/** A NodeFS whose fsync reaches the disk. PGlite's own drops it, and a power cut then destroys the database. */
export function durableFileSystem(directory: string): { readonly fs: NodeFS; readonly fsyncs: () => number } {
  const fs = new NodeFS(directory);
  const init = fs.init.bind(fs);
  let fsyncs = 0;

  fs.init = async (...parameters): Promise<InitResult> => {
    const { emscriptenOpts } = await init(...parameters);
    const preRun = [emscriptenOpts.preRun ?? []].flat();
    const patch = (module: unknown): void => {
      const { NODEFS } = module as { readonly NODEFS: NodeMount };
      NODEFS.stream_ops['fsync'] = (stream: Stream) => {
        fsyncs += 1;
        if (stream.nfd !== undefined) fdatasyncSync(stream.nfd);
        else syncPath(NODEFS.realPath(stream.node));
        return 0;
      };
    };
    return { emscriptenOpts: { ...emscriptenOpts, preRun: [...preRun, patch] } };
  };
  return { fs, fsyncs: () => fsyncs };
}

/** Makes a file or a directory's entries durable. */
export function syncPath(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
