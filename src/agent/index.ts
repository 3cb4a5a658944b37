export { Agent, type AgentOptions, type AgentParts } from './agent.ts';
export type { AgentCounters } from './counters.ts';
export { diskStorage } from './disk-storage.ts';
export { type Journal, type JournalEntry, MemoryJournal } from './journal.ts';
export type { OpenedCheckpoint } from './opener.ts';
export { SqliteJournal } from './sqlite-journal.ts';
export { type CheckpointStorage, MemoryStorage } from './storage.ts';
