import { seededRandom, VirtualClock } from '../../clock/index.ts';
import { storeCompliance } from '../index.ts';
import { MemoryBacking } from './memory-backing.ts';
import { Registry } from './registry.ts';

storeCompliance('the registry in memory', async () => {
  const store = new Registry({ backing: new MemoryBacking(), clock: new VirtualClock(), random: seededRandom(1) });
  return { store, cleanup: async () => store.close() };
});
