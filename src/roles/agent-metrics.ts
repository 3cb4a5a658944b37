import type { AgentCounters } from '../agent/index.ts';
import type { Metrics } from '../metrics/index.ts';

interface Shown {
  name: string;
  help: string;
  /** From the counter to the base unit. Default 1. */
  factor?: number;
}

const SHOWN: Readonly<Record<keyof AgentCounters, Shown>> = {
  dumpsStarted: { name: 'dumps_started_total', help: 'Dumps begun.' },
  dumpsCompleted: { name: 'dumps_completed_total', help: 'Dumps verified.' },
  dumpsFailed: { name: 'dumps_failed_total', help: 'Dumps that failed; their pods run on.' },
  dumpsRecovered: { name: 'dumps_recovered_total', help: 'Dumps of a killed agent that were brought to an end.' },
  bytesDumped: { name: 'dumped_bytes_total', help: 'Bytes of completed checkpoints.' },
  dumpMilliseconds: { name: 'dump_seconds_total', help: 'Time taken by completed dumps.', factor: 0.001 },
  restores: { name: 'restores_total', help: 'Pods restored.' },
  restoreMilliseconds: { name: 'restore_seconds_total', help: 'Time taken by restores.', factor: 0.001 },
  corruptCheckpoints: {
    name: 'corrupt_checkpoints_total',
    help: 'Checkpoints found altered or incomplete when opened.',
  },
  fetches: { name: 'fetches_total', help: 'Checkpoints brought from elsewhere.' },
  stored: { name: 'stored_total', help: 'Checkpoints brought to a store and verified there.' },
  bytesStored: { name: 'stored_bytes_total', help: 'Bytes sent for them.' },
  copiesRemoved: { name: 'local_copies_removed_total', help: 'Copies removed from the node because a store has them.' },
  bytesFreed: { name: 'local_copies_freed_bytes_total', help: 'Room that the disk was seen to gain by that.' },
  released: { name: 'released_total', help: 'Victims whose resources were seen free.' },
  removed: { name: 'removed_total', help: 'Checkpoints whose data was removed.' },
};

/** What the agent counts, as `fermata_agent_*`. */
export function agentMetrics(metrics: Metrics, counters: Readonly<AgentCounters>): void {
  const shown = Object.entries(SHOWN).map(([counter, { name, help, factor = 1 }]) => {
    const own = metrics.counter(`fermata_agent_${name}`, help);
    let told = 0;
    return () => {
      const now = counters[counter as keyof AgentCounters];
      own.increment({}, (now - told) * factor);
      told = now;
    };
  });
  metrics.onCollect(() => {
    for (const bring of shown) bring();
  });
}
