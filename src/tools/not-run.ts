import type { Reporter, TestModule } from 'vitest/node';

/** Ends a run of the tests with the names of those that were left out for want of something, and what that is. */
// oxlint-disable-next-line import/no-default-export -- vitest asks for it
export default class NotRun implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const leftOut = modules.flatMap((module) =>
      [...module.children.allTests('skipped')].flatMap((test) => {
        const { note } = test.result() as { readonly note?: string };
        return note === undefined ? [] : [{ note, name: `${module.moduleId.replace(/^.*\/src\//, 'src/')} > ${test.fullName}` }];
      }),
    );
    for (const [note, tests] of Map.groupBy(leftOut, (test) => test.note)) {
      console.log(`\nNOT RUN: ${note}`);
      for (const { name } of tests) console.log(`  ${name}`);
    }
  }
}
