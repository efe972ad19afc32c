import type { Effect } from '../effect.ts';
import type { Answer, Question } from '../outside/questions.ts';
import type { TestTerminal } from '../testing.tsx';

/** Answers every question that a terminal has asked and got no answer to, until it asks no more. */
export function answerAll(terminal: TestTerminal, answers: (question: Question) => Answer | { readonly problem: string }): void {
  for (let from = 0; from < terminal.effects.length; from += 1) {
    const effect: Effect = terminal.effects[from]!;
    if (effect.type !== 'ask') continue;
    const answer = answers(effect.question);
    const outcome = typeof answer === 'object' && answer !== null && 'problem' in answer ? { problem: answer.problem } : { answer: answer as Answer };
    terminal.send({ type: 'answered', question: effect.question, outcome });
  }
}
