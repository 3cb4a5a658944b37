/**
 * A process of its own that orders one dump or restore, to be killed in the middle of it:
 * `node podman-agent.ts <JSON of PodmanRuntimeOptions> dump <uid> <directory>` or `… restore <JSON of PodToRun> <directory>`.
 * Says `begun` before, `done` after.
 */
import { SystemClock } from '../src/clock/index.ts';
import { SILENT_LOG } from '../src/model/index.ts';
import { PodmanRuntime } from '../src/runtime/index.ts';

const [options = '{}', order, subject = '', directory = ''] = process.argv.slice(2);
const runtime = new PodmanRuntime({ clock: new SystemClock(), log: SILENT_LOG }, JSON.parse(options));
await runtime.list();
process.stdout.write('begun\n');
if (order === 'dump')
  await runtime.checkpointPod(subject, { directory, leaveRunning: false, timeoutMilliseconds: 60_000 });
else await runtime.restorePod(JSON.parse(subject), directory);
process.stdout.write('done\n');
await runtime.stop();
