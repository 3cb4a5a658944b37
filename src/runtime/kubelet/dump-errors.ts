import { FermataError, type Pod, reasonOf } from '../../model/index.ts';

/** What the kubelet's refusal means. Throughout, the container runs on. */
export function refusalOf({ status, message }: { status: number; message: string }, container: string): FermataError {
  if (status === 404 && /does not exist|not found/i.test(message) && !/page not found/i.test(message)) {
    return new FermataError(
      'PodNotRunning',
      `container ${container}: the kubelet knows no such container (${message})`,
      {
        nextStep: 'Checkpoint it while it runs.',
      },
    );
  }
  if (status === 404 || status === 405) {
    return new FermataError('CheckpointUnsupported', `the kubelet has no checkpoint endpoint (${message})`, {
      nextStep: 'it needs Kubernetes 1.25 with the feature gate ContainerCheckpoint (on by default since 1.30)',
    });
  }
  if (status === 401 || status === 403) {
    return new FermataError('CheckpointUnsupported', `the kubelet does not let the agent checkpoint (${message})`, {
      nextStep: "give the agent's identity the verb create on nodes/checkpoint, or nodes/proxy",
    });
  }
  if (/Unimplemented|CRIU (?:binary )?not found|criu.*executable file not found/i.test(message)) {
    return new FermataError(
      'CheckpointUnsupported',
      `the container runtime of this node cannot checkpoint (${message})`,
      {
        nextStep: 'it needs containerd 2.1 or CRI-O 1.25, and CRIU on the node',
      },
    );
  }
  if (/DeadlineExceeded|deadline exceeded/.test(message)) {
    return new FermataError('DumpTimeout', `the dump of container ${container} took too long (${message})`, {
      nextStep: 'Give it more time (timeoutSeconds of its InterruptionPolicy).',
    });
  }
  return new FermataError('DumpFailed', `the dump of container ${container} failed: ${message}`);
}

/** A failure of the dump in the words of `PodCheckpointer.checkpointPod`. `overdue`: what it was given, when it took longer. */
export function dumpError(error: unknown, pod: Pod | undefined, overdueMilliseconds: number | undefined): FermataError {
  const name = `${pod?.metadata.namespace}/${pod?.metadata.name}`;
  if (overdueMilliseconds !== undefined) {
    return new FermataError('DumpTimeout', `The dump of pod ${name} took longer than ${overdueMilliseconds} ms`, {
      nextStep: 'Give it more time (timeoutSeconds of its InterruptionPolicy).',
    });
  }
  const codes = [
    'ConnectionsOutside',
    'DumpFailed',
    'DumpRefused',
    'DumpTimeout',
    'CheckpointUnsupported',
    'PodNotRunning',
  ];
  if (error instanceof FermataError && codes.includes(error.code)) return error;
  return new FermataError('DumpFailed', `The dump of pod ${name} failed: ${reasonOf(error)}`, { cause: error });
}
