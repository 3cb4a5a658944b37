/** What an agent has done since it was started; read by whoever exports metrics. */
export interface AgentCounters {
  dumpsStarted: number;
  dumpsCompleted: number;
  dumpsFailed: number;
  /** Dumps that a killed agent had left, brought to an end by this one. */
  dumpsRecovered: number;
  /** Bytes of completed checkpoints. */
  bytesDumped: number;
  dumpMilliseconds: number;
  restores: number;
  restoreMilliseconds: number;
  /** Checkpoints opened for a restore that turned out altered or incomplete. */
  corruptCheckpoints: number;
  /** Checkpoints brought from a store or from another local node. */
  fetches: number;
  /** Checkpoints brought to a store and verified there, and the bytes sent for them. */
  stored: number;
  bytesStored: number;
  /** Copies that went from the node because a store has them, and the bytes by which its disk was seen to have more room. */
  copiesRemoved: number;
  bytesFreed: number;
  released: number;
  removed: number;
}

export function newCounters(): AgentCounters {
  return {
    dumpsStarted: 0,
    dumpsCompleted: 0,
    dumpsFailed: 0,
    dumpsRecovered: 0,
    bytesDumped: 0,
    dumpMilliseconds: 0,
    restores: 0,
    restoreMilliseconds: 0,
    corruptCheckpoints: 0,
    fetches: 0,
    stored: 0,
    bytesStored: 0,
    copiesRemoved: 0,
    bytesFreed: 0,
    released: 0,
    removed: 0,
  };
}
