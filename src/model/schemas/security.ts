import { Type } from 'typebox';
import { atomic, choice, described, flag, integer, list, object, text } from './fields.ts';

export const SELinuxOptions = object('SELinuxOptions', 'The labels to be applied to the container.', [], {
  level: text('SELinux level label that applies to the container.'),
  role: text('A SELinux role label that applies to the container.'),
  type: text('A SELinux type label that applies to the container.'),
  user: text('A SELinux user label that applies to the container.'),
});

export const SeccompProfile = object('SeccompProfile', "A pod/container's seccomp profile settings.", ['type'], {
  localhostProfile: text('A profile defined in a file on the node should be used.'),
  type: choice('Which kind of seccomp profile will be applied.', ['Localhost', 'RuntimeDefault', 'Unconfined']),
});

export const AppArmorProfile = object('AppArmorProfile', "A pod or container's AppArmor settings.", ['type'], {
  localhostProfile: text('A profile loaded on the node that should be used.'),
  type: choice('Which kind of AppArmor profile will be applied.', ['Localhost', 'RuntimeDefault', 'Unconfined']),
});

export const WindowsSecurityContextOptions = object(
  'WindowsSecurityContextOptions',
  'WindowsSecurityContextOptions contain Windows-specific options and credentials.',
  [],
  {
    gmsaCredentialSpec: text('Contents of the GMSA credential spec.'),
    gmsaCredentialSpecName: text('The name of the GMSA credential spec to use.'),
    hostProcess: flag("HostProcess determines if a container should be run as a 'Host Process' container."),
    runAsUserName: text('The UserName in Windows to run the entrypoint of the container process.'),
  },
);

export const Capabilities = object('Capabilities', 'Adds and removes POSIX capabilities from running containers.', [], {
  add: list(Type.String(), 'Added capabilities.', atomic),
  drop: list(Type.String(), 'Removed capabilities.', atomic),
});

export const SecurityContext = object(
  'SecurityContext',
  'Security configuration that will be applied to a container.',
  [],
  {
    allowPrivilegeEscalation: flag(
      'AllowPrivilegeEscalation controls whether a process can gain more privileges than its parent process.',
    ),
    appArmorProfile: described(AppArmorProfile, 'The AppArmor options to use by this container.'),
    capabilities: described(Capabilities, 'The capabilities to add/drop when running containers.'),
    privileged: flag('Run container in privileged mode.'),
    procMount: choice('ProcMount denotes the type of proc mount to use for the containers.', ['Default', 'Unmasked']),
    readOnlyRootFilesystem: flag('Whether this container has a read-only root filesystem.'),
    runAsGroup: integer('The GID to run the entrypoint of the container process.'),
    runAsNonRoot: flag('Indicates that the container must run as a non-root user.'),
    runAsUser: integer('The UID to run the entrypoint of the container process.'),
    seLinuxOptions: described(SELinuxOptions, 'The SELinux context to be applied to the container.'),
    seccompProfile: described(SeccompProfile, 'The seccomp options to use by this container.'),
    windowsOptions: described(
      WindowsSecurityContextOptions,
      'The Windows specific settings applied to all containers.',
    ),
  },
);

export const Sysctl = object('Sysctl', 'A kernel parameter to be set.', ['name', 'value'], {
  name: text('Name of a property to set.'),
  value: text('Value of a property to set.'),
});

export const PodSecurityContext = object(
  'PodSecurityContext',
  'Pod-level security attributes and common container settings.',
  [],
  {
    appArmorProfile: described(AppArmorProfile, 'The AppArmor options to use by the containers in this pod.'),
    fsGroup: integer('Group that owns the volumes of the pod.'),
    fsGroupChangePolicy: choice(
      'Behavior of changing ownership and permission of the volume before being exposed inside Pod.',
      ['OnRootMismatch', 'Always'],
    ),
    runAsGroup: integer('The GID to run the entrypoint of the container process.'),
    runAsNonRoot: flag('Indicates that the container must run as a non-root user.'),
    runAsUser: integer('The UID to run the entrypoint of the container process.'),
    seLinuxOptions: described(SELinuxOptions, 'The SELinux context to be applied to all containers.'),
    seccompProfile: described(SeccompProfile, 'The seccomp options to use by the containers in this pod.'),
    supplementalGroups: list(
      Type.Integer(),
      'Groups of the first process of each container, besides its primary one.',
      atomic,
    ),
    sysctls: list(Sysctl, 'Sysctls hold a list of namespaced sysctls used for the pod.', atomic),
    windowsOptions: described(
      WindowsSecurityContextOptions,
      'The Windows specific settings applied to all containers.',
    ),
    supplementalGroupsPolicy: choice('How supplemental groups are computed: Merge or Strict.', ['Merge', 'Strict']),
    seLinuxChangePolicy: choice('How the SELinux label of volumes is changed: MountOption or Recursive.', [
      'MountOption',
      'Recursive',
    ]),
  },
);
