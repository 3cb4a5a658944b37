import { fileURLToPath } from 'node:url';

/** CRIU's `--action-script`; see docs/coordination.md. */
export const HOOK_PATH = fileURLToPath(new URL('./hook.sh', import.meta.url));
