/*
 * What the bundle has in the place of packages that nothing needs before the first frame (`later.ts` puts it there).
 * The sources know nothing of it: they import the packages, and so do the tests.
 */

/** zod's functions that only say what a schema is. What else `z` has loads it. */
const makers: ReadonlySet<unknown> = new Set([
  'any', 'array', 'boolean', 'discriminatedUnion', 'email', 'enum', 'int', 'literal', 'looseObject', 'null', 'number', 'object',
  'record', 'strictObject', 'string', 'tuple', 'union', 'unknown', 'url', 'uuid',
]);
/** Methods of a schema that make another of it. */
const refinements: ReadonlySet<unknown> = new Set([
  'catch', 'default', 'extend', 'gt', 'int', 'length', 'lt', 'max', 'meta', 'min', 'nonnegative', 'nullable', 'nullish', 'omit', 'optional',
  'partial', 'pick', 'positive', 'prefault', 'refine', 'regex', 'transform', 'trim',
]);

/** The schemas that stand for ones not made yet, each with what makes it. */
const unmade = new WeakMap<object, () => object>();

type Call = (...args: readonly unknown[]) => unknown;

/**
 * `z`, which writes down how schemas are made, and makes each with zod itself when somebody first asks it for
 * anything. A schema that was made is zod's own, and so are the schemas in it.
 *
 * What is wrong with how a schema is made is thrown at that first use.
 */
export function lazySchemas<Zod extends object>(load: () => Zod): Zod {
  return new Proxy({} as Zod, {
    get: (_, name) => {
      if (makers.has(name)) return (...args: readonly unknown[]) => schema(() => call(load(), name, args), name === 'enum' ? args[0] : undefined);
      const found: unknown = Reflect.get(load(), name);
      // Classes are not to be wrapped.
      return typeof found === 'function' && /^[a-z]/.test(String(name)) ? (...args: readonly unknown[]) => (found as Call)(...args.map(made)) : found;
    },
  });
}

function schema(make: () => unknown, words?: unknown): object {
  let whole: object | undefined;
  const get = (): object => (whole ??= make() as object);
  const proxy: object = new Proxy(
    {},
    {
      get: (_, name) => {
        if (whole === undefined && name === 'options' && Array.isArray(words)) return [...(words as readonly unknown[])];
        if (whole !== undefined || !refinements.has(name)) return Reflect.get(get(), name);
        // Without an argument `meta` answers what it was given.
        return (...args: readonly unknown[]) => (name === 'meta' && args.length === 0 ? call(get(), name, args) : schema(() => call(get(), name, args)));
      },
      has: (_, name) => Reflect.has(get(), name),
      getPrototypeOf: () => Reflect.getPrototypeOf(get()),
    },
  );
  unmade.set(proxy, get);
  return proxy;
}

function call(target: object, name: PropertyKey, args: readonly unknown[]): unknown {
  return (Reflect.get(target, name) as Call).apply(target, args.map(made));
}

/** An argument with the schemas in it as zod makes them. */
function made(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const make = unmade.get(value);
  if (make !== undefined) return make();
  if (Array.isArray(value)) return value.map(made);
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  // A getter is how a schema names itself: it is asked by zod, later.
  const fields = Object.entries(Object.getOwnPropertyDescriptors(value)).map(([name, field]) => [
    name, field.get === undefined ? { ...field, value: made(field.value) } : { get: () => made(Reflect.get(value, name)), enumerable: true, configurable: true },
  ]);
  return Object.defineProperties({}, Object.fromEntries(fields) as PropertyDescriptorMap);
}

/** Something a package exports, a function or a class, loaded when it is first called, asked or compared with. */
export function lazyExport(load: () => object): unknown {
  return new Proxy(function () {}, {
    get: (_, name) => Reflect.get(load(), name) as unknown,
    has: (_, name) => Reflect.has(load(), name),
    apply: (_, self, args) => Reflect.apply(load() as Call, self, args) as unknown,
    construct: (_, args) => Reflect.construct(load() as new () => object, args),
  });
}
