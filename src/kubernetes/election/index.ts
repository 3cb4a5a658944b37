export {
  LEADER_ELECTION_TIMES,
  type LeaderElectionOptions,
  type LeaderElectionTimes,
  LeaderElector,
  type LedProgram,
} from './leader-elector.ts';
export type { Term } from './term.ts';
