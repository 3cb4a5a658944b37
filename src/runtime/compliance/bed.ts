import type { CheckpointFiles } from '../../checkpoint/index.ts';
import type { Runtime } from '../runtime.ts';

/** A runtime to be tested, with what the suite cannot know of it. */
export interface RuntimeBed {
  runtime: Runtime;
  /** Another node, on which what the first one dumped can be restored; its folders are the same. */
  secondNode: Runtime;
  /** Where the checkpoint directories of both lie. */
  files: CheckpointFiles;
  /** Absolute, empty: volumes and checkpoints of the tests go below it. */
  folder: string;
  /** An image with a perl, for the program of `DEMO_PROGRAM`. */
  image: string;
  /** How long a step of the test program takes; the suite waits for tens of them. */
  stepMilliseconds: number;
  /** The most by which things may come later than they should: 0 in virtual time. */
  toleranceMilliseconds: number;
  now(): number;
  /** Lets time pass. */
  pass(milliseconds: number): Promise<void>;
  /** Lets time pass until the work is done. */
  during<T>(work: Promise<T>): Promise<T>;
  /** Makes a folder on the host, with those above it. */
  makeFolder(path: string): Promise<void>;
  /** What was written to a file on a volume. */
  readOutput(path: string): Promise<string>;
  /** Called once, after both runtimes were stopped; throws when they left something behind. */
  cleanup(): Promise<void>;
}
