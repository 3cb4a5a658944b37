import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InterruptionPolicy, PodCheckpoint, PodDisruptionBudget, PriorityClass } from '../../model/index.ts';
import { EPOCH, type NodeBuilder, node, type PodBuilder, pod } from '../testing.ts';
import { Story } from '../testing-story.ts';

/** A cluster in which an urgent pod comes, and what is wanted of it. */
export interface Case {
  nodes?: NodeBuilder[];
  placed: PodBuilder[];
  pod?: PodBuilder;
  policies?: InterruptionPolicy[];
  budgets?: PodDisruptionBudget[];
  classes?: PriorityClass[];
  checkpoints?: PodCheckpoint[];
  usage?: Record<string, number>;
  /** ms after the epoch at which the preemptor is decided about; default 10 minutes. */
  at?: number;
  wants: string | RegExp;
}

export const MINUTE = 60_000;
export const n1 = () => node('n1').allocatable({ cpu: '2' });
export const low = (name: string, cpu = '2', priority = 1) => pod(name).priority(priority).requests({ cpu }).on('n1');
export const urgent = (cpu = '2') => pod('p').priority(10).requests({ cpu }).preemption('CheckpointLowerPriority');
export const plain = (cpu = '2') => pod('p').priority(10).requests({ cpu });

/** Runs each case under its sentence. */
export function runCases(subject: string, cases: Record<string, Case>): void {
  for (const [sentence, given] of Object.entries(cases)) {
    test(`${subject}: ${sentence}`, () => {
      const story = new Story().nodes(...(given.nodes ?? [n1()])).pods(...given.placed);
      for (const entry of given.policies ?? []) story.tell({ type: 'InterruptionPolicyChanged', policy: entry });
      for (const entry of given.budgets ?? []) story.tell({ type: 'PodDisruptionBudgetChanged', budget: entry });
      for (const entry of given.classes ?? []) story.tell({ type: 'PriorityClassChanged', priorityClass: entry });
      story.now = EPOCH + (given.at ?? 10 * MINUTE);
      for (const entry of given.checkpoints ?? []) story.tell({ type: 'CheckpointChanged', checkpoint: entry });
      for (const [uid, memoryBytes] of Object.entries(given.usage ?? {})) {
        story.tell({ type: 'UsageObserved', uid, memoryBytes });
      }
      const before = story.engine.snapshot();
      const [outcome] = story.pods(given.pod ?? urgent()).brief();
      if (typeof given.wants === 'string') assert.equal(outcome, given.wants);
      else assert.match(outcome ?? '', given.wants);
      story.gone(given.pod ?? urgent());
      assert.deepEqual(story.engine.snapshot(), before, 'planning leaves no residue');
    });
  }
}
