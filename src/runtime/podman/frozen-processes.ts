import { rm } from 'node:fs/promises';
import type { Clock } from '../../clock/index.ts';
import type { Log } from '../../model/index.ts';
import { forgetRecord } from './archive.ts';
import type { DumpTarget } from './dump-target.ts';
import type { PodmanTools } from './layout.ts';
import { mark } from './marks.ts';
import { pauseMonitor } from './monitor.ts';
import { unlockNetwork } from './network-lock.ts';

/** A killed process of 1 GiB is gone within tens of milliseconds; one in the kernel's hands may take longer. */
const END_TIMEOUT_MILLISECONDS = 10_000;
/** Each look walks the control groups, on a core that the digests need. */
const END_POLL_MILLISECONDS = 4;

/** What becomes of the processes that stand still behind their dump: they are ended, or go on. */
export class FrozenProcesses {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #tools: PodmanTools;

  constructor(parts: { clock: Clock; log: Log; tools: PodmanTools }) {
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#tools = parts.tools;
  }

  /** The dump counts: its frozen processes are killed at once, without having run again; resolves when they are gone. */
  async end(targets: readonly DumpTarget[]): Promise<void> {
    for (const target of targets) {
      pauseMonitor(target.container.pid);
      target.cgroup.kill();
    }
    const deadline = this.#clock.now() + END_TIMEOUT_MILLISECONDS;
    for (const target of targets) {
      while (target.cgroup.processes().length > 0) {
        if (this.#clock.now() > deadline) {
          this.#log.warn({ container: target.container.id }, 'killed processes are still there; waiting on');
          await this.#clock.sleep(END_TIMEOUT_MILLISECONDS);
        }
        await this.#clock.sleep(END_POLL_MILLISECONDS);
        target.cgroup.kill();
      }
    }
  }

  /** No dump: every process goes on, and the directory is gone. */
  async undo(targets: readonly DumpTarget[], directory: string, locked: boolean): Promise<void> {
    // The record first: a crash between the two must not leave a dump that seems to count behind processes that went on.
    await forgetRecord(directory);
    await this.letGo(targets, locked);
    await rm(directory, { recursive: true, force: true });
  }

  /** Every process goes on from where it was frozen. `locked`: the network of the pod may be, too. */
  async letGo(targets: readonly DumpTarget[], locked: boolean): Promise<void> {
    // All are let go before the network is, and a lock without an nft to undo it was never set.
    for (const target of targets) target.cgroup.thaw();
    const [first] = targets;
    if (locked && first !== undefined) await unlockNetwork(this.#tools, first.container.pid);
    for (const target of targets) mark(target.userdata, { dump: undefined });
  }
}
