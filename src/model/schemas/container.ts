import { Type } from 'typebox';
import { EnvFromSource, EnvVar } from './environment.ts';
import {
  atomic,
  byName,
  choice,
  described,
  flag,
  integer,
  keyedBy,
  list,
  mergedBy,
  object,
  open,
  quantities,
  text,
} from './fields.ts';
import { Lifecycle, Probe } from './probe.ts';
import { SecurityContext } from './security.ts';

export const ContainerPort = object('ContainerPort', 'A network port in a single container.', ['containerPort'], {
  containerPort: integer("Number of port to expose on the pod's IP address."),
  hostIP: text('What host IP to bind the external port to.'),
  hostPort: integer('Number of port to expose on the host.'),
  name: text('Name of the port, unique in the pod.'),
  protocol: choice('Protocol for port.', ['TCP', 'UDP', 'SCTP']),
});

export const ResourceClaim = object('ResourceClaim', 'Names an entry of spec.resourceClaims.', ['name'], {
  name: text('Name of an entry of spec.resourceClaims.'),
  request: text('Request of the claim to use; the whole claim when empty.'),
});

export const ResourceRequirements = object('ResourceRequirements', 'The compute resource requirements.', [], {
  claims: list(
    ResourceClaim,
    'Claims lists the names of resources, defined in spec.resourceClaims, that are used by this container.',
    keyedBy('name'),
  ),
  limits: quantities('The maximum amount of compute resources allowed.'),
  requests: quantities('The minimum amount of compute resources required.'),
});

export const ContainerResizePolicy = object(
  'ContainerResizePolicy',
  'Resource resize policy for the container.',
  ['resourceName', 'restartPolicy'],
  {
    resourceName: text('Name of the resource to which this resource resize policy applies.'),
    restartPolicy: choice('Restart policy to apply when specified resource is resized.', [
      'NotRequired',
      'RestartContainer',
    ]),
  },
);

export const ContainerRestartRule = object(
  'ContainerRestartRule',
  'What happens when a container exits with certain codes.',
  ['action'],
  {
    action: text('What to do: Restart or RestartAllContainers.'),
    exitCodes: open('Exit codes the rule is about.'),
  },
);

export const VolumeMount = object('VolumeMount', 'A mounting of a Volume within a container.', ['mountPath', 'name'], {
  mountPath: text('Path within the container at which the volume should be mounted.'),
  mountPropagation: choice('How mounts propagate between host and container.', [
    'None',
    'HostToContainer',
    'Bidirectional',
  ]),
  name: text('Name of the volume.'),
  readOnly: flag('Mounted read-only if true, read-write otherwise (false or unspecified).'),
  recursiveReadOnly: choice('Whether read-only mounts should be handled recursively.', [
    'Disabled',
    'IfPossible',
    'Enabled',
  ]),
  subPath: text("Path within the volume from which the container's volume should be mounted."),
  subPathExpr: text("Expanded path within the volume from which the container's volume should be mounted."),
});

export const VolumeDevice = object(
  'VolumeDevice',
  'VolumeDevice describes a mapping of a raw block device within a container.',
  ['devicePath', 'name'],
  {
    devicePath: text('The path inside of the container that the device will be mapped to.'),
    name: text('Name must match the name of a persistentVolumeClaim in the pod.'),
  },
);

export const Container = object(
  'Container',
  'A single application container that you want to run within a pod.',
  ['name'],
  {
    args: list(Type.String(), "Arguments to the entrypoint; the image's CMD when absent.", atomic),
    command: list(Type.String(), "Entrypoint; the image's ENTRYPOINT when absent.", atomic),
    env: list(EnvVar, 'List of environment variables to set in the container.', byName),
    envFrom: list(EnvFromSource, 'List of sources to populate environment variables in the container.', atomic),
    image: text('Container image name.'),
    imagePullPolicy: choice('When to pull the image: Always, IfNotPresent or Never.', [
      'Always',
      'IfNotPresent',
      'Never',
    ]),
    lifecycle: described(
      Lifecycle,
      'Actions that the management system should take in response to container lifecycle events.',
    ),
    livenessProbe: described(Probe, 'Periodic probe of container liveness.'),
    name: text('Name of the container, a DNS label, unique in the pod.'),
    ports: list(
      ContainerPort,
      'List of ports to expose from the container.',
      mergedBy('containerPort', ['containerPort', 'protocol']),
    ),
    readinessProbe: described(Probe, 'Periodic probe of container service readiness.'),
    resizePolicy: list(ContainerResizePolicy, 'Resources resize policy for the container.', atomic),
    resources: described(ResourceRequirements, 'Compute Resources required by this container.'),
    restartPolicy: choice('For init containers: Always makes it a sidecar.', ['Always', 'OnFailure', 'Never']),
    securityContext: described(SecurityContext, 'The security options the container should be run with.'),
    startupProbe: described(Probe, 'Probe that must succeed once before the other probes start.'),
    stdin: flag('Whether this container should allocate a buffer for stdin in the container runtime.'),
    stdinOnce: flag(
      'Whether the container runtime should close the stdin channel after it has been opened by a single attach.',
    ),
    terminationMessagePath: text('File whose text becomes the termination message; /dev/termination-log by default.'),
    terminationMessagePolicy: choice('Where the termination message comes from.', ['File', 'FallbackToLogsOnError']),
    tty: flag("Whether this container should allocate a TTY for itself, also requires 'stdin' to be true."),
    volumeDevices: list(VolumeDevice, 'The list of block devices to be used by the container.', mergedBy('devicePath')),
    volumeMounts: list(VolumeMount, "Pod volumes to mount into the container's filesystem.", mergedBy('mountPath')),
    workingDir: text("Container's working directory."),
    restartPolicyRules: list(
      ContainerRestartRule,
      'Rules by exit code that override restartPolicy; Kubernetes 1.34 and later.',
      atomic,
    ),
  },
);

export const EphemeralContainer = object(
  'EphemeralContainer',
  'A temporary container added to a running pod for debugging.',
  ['name'],
  {
    args: list(Type.String(), "Arguments to the entrypoint; the image's CMD when absent.", atomic),
    command: list(Type.String(), "Entrypoint; the image's ENTRYPOINT when absent.", atomic),
    env: list(EnvVar, 'List of environment variables to set in the container.', byName),
    envFrom: list(EnvFromSource, 'List of sources to populate environment variables in the container.', atomic),
    image: text('Container image name.'),
    imagePullPolicy: choice('When to pull the image: Always, IfNotPresent or Never.', [
      'Always',
      'IfNotPresent',
      'Never',
    ]),
    lifecycle: described(Lifecycle, 'Not allowed for ephemeral containers.'),
    livenessProbe: described(Probe, 'Probes are not allowed for ephemeral containers.'),
    name: text('Name of the container, a DNS label, unique in the pod.'),
    ports: list(
      ContainerPort,
      'Not allowed for ephemeral containers.',
      mergedBy('containerPort', ['containerPort', 'protocol']),
    ),
    readinessProbe: described(Probe, 'Probes are not allowed for ephemeral containers.'),
    resizePolicy: list(ContainerResizePolicy, 'Resources resize policy for the container.', atomic),
    resources: described(ResourceRequirements, 'Not allowed for ephemeral containers.'),
    restartPolicy: choice(
      'Restart policy for the container to manage the restart behavior of each container within a pod.',
      ['Always', 'OnFailure', 'Never'],
    ),
    securityContext: described(SecurityContext, 'The security options the ephemeral container should be run with.'),
    startupProbe: described(Probe, 'Not allowed for ephemeral containers.'),
    stdin: flag('Whether this container should allocate a buffer for stdin in the container runtime.'),
    stdinOnce: flag(
      'Whether the container runtime should close the stdin channel after it has been opened by a single attach.',
    ),
    targetContainerName: text('Container whose process namespace it shares.'),
    terminationMessagePath: text('File whose text becomes the termination message; /dev/termination-log by default.'),
    terminationMessagePolicy: choice('Where the termination message comes from.', ['File', 'FallbackToLogsOnError']),
    tty: flag("Whether this container should allocate a TTY for itself, also requires 'stdin' to be true."),
    volumeDevices: list(VolumeDevice, 'The list of block devices to be used by the container.', mergedBy('devicePath')),
    volumeMounts: list(VolumeMount, "Pod volumes to mount into the container's filesystem.", mergedBy('mountPath')),
    workingDir: text("Container's working directory."),
    restartPolicyRules: list(ContainerRestartRule, 'Not allowed for ephemeral containers.', atomic),
  },
);
