/** Where the pipelines that come with stepscope lie, as files like everybody else's. */
export const bundledPipelines = new URL('./pipelines/', import.meta.url);
