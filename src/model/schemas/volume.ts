import { atomic, choice, described, flag, integer, list, object, open, quantity, text, textMap } from './fields.ts';
import { LabelSelectorSchema } from './label-selector.ts';
import { KeyToPath, LocalObjectReference, ObjectFieldSelector, ResourceFieldSelector } from './reference.ts';

export const EmptyDirVolumeSource = object('EmptyDirVolumeSource', 'An empty directory for a pod.', [], {
  medium: text('Empty: disk of the node; Memory: tmpfs.'),
  sizeLimit: quantity('How large the volume may grow.'),
});

export const HostPathVolumeSource = object('HostPathVolumeSource', 'A host path mapped into a pod.', ['path'], {
  path: text('Path of the directory on the host.'),
  type: choice('What must be there, or is made, at the path.', [
    '',
    'DirectoryOrCreate',
    'Directory',
    'FileOrCreate',
    'File',
    'Socket',
    'CharDevice',
    'BlockDevice',
  ]),
});

export const ConfigMapVolumeSource = object('ConfigMapVolumeSource', 'Adapts a ConfigMap into a volume.', [], {
  defaultMode: integer('Optional: mode bits used to set permissions on created files by default.'),
  items: list(KeyToPath, 'Keys to put into files, with their paths; all of them when absent.', atomic),
  name: text('Name of the referent.'),
  optional: flag('Whether it, or its keys, may be missing.'),
});

export const SecretVolumeSource = object('SecretVolumeSource', 'Adapts a Secret into a volume.', [], {
  defaultMode: integer('Optional: mode bits used to set permissions on created files by default.'),
  items: list(KeyToPath, 'Keys to put into files, with their paths; all of them when absent.', atomic),
  optional: flag('Whether it, or its keys, may be missing.'),
  secretName: text("The name of the secret in the pod's namespace to use."),
});

export const DownwardAPIVolumeFile = object(
  'DownwardAPIVolumeFile',
  'Information to create the file containing the pod field.',
  ['path'],
  {
    fieldRef: described(
      ObjectFieldSelector,
      'Selects a field of the pod: only annotations, labels, name, namespace and uid are supported.',
    ),
    mode: integer('Permission bits of the file, 0 to 0777.'),
    path: text('The relative path name of the file to be created.'),
    resourceFieldRef: described(ResourceFieldSelector, 'A resource of the container, e.g. limits.cpu.'),
  },
);

export const DownwardAPIVolumeSource = object('DownwardAPIVolumeSource', 'A volume containing downward API info.', [], {
  defaultMode: integer('Mode bits to use on created files by default.'),
  items: list(DownwardAPIVolumeFile, 'A list of downward API volume file.', atomic),
});

export const ConfigMapProjection = object('ConfigMapProjection', 'Adapts a ConfigMap into a projected volume.', [], {
  items: list(KeyToPath, 'Keys to put into files, with their paths; all of them when absent.', atomic),
  name: text('Name of the referent.'),
  optional: flag('Whether it, or its keys, may be missing.'),
});

export const SecretProjection = object('SecretProjection', 'Adapts a secret into a projected volume.', [], {
  items: list(KeyToPath, 'Keys to put into files, with their paths; all of them when absent.', atomic),
  name: text('Name of the referent.'),
  optional: flag('Whether it, or its keys, may be missing.'),
});

export const DownwardAPIProjection = object(
  'DownwardAPIProjection',
  'Downward API info for projecting into a projected volume.',
  [],
  {
    items: list(DownwardAPIVolumeFile, 'A list of DownwardAPIVolume file.', atomic),
  },
);

export const ServiceAccountTokenProjection = object(
  'ServiceAccountTokenProjection',
  'A projected service account token volume.',
  ['path'],
  {
    audience: text('The intended audience of the token.'),
    expirationSeconds: integer('The requested duration of validity of the service account token.'),
    path: text('The path relative to the mount point of the file to project the token into.'),
  },
);

export const ClusterTrustBundleProjection = object(
  'ClusterTrustBundleProjection',
  'How to select a set of ClusterTrustBundle objects and project their contents into the pod filesystem.',
  ['path'],
  {
    labelSelector: described(LabelSelectorSchema, 'Select all ClusterTrustBundles that match this label selector.'),
    name: text('Select a single ClusterTrustBundle by object name.'),
    optional: flag("If true, don't block pod startup if the referenced ClusterTrustBundle(s) aren't available."),
    path: text('Relative path from the volume root to write the bundle.'),
    signerName: text('Select all ClusterTrustBundles that match this signer name.'),
  },
);

export const VolumeProjection = object('VolumeProjection', 'One source of a projected volume.', [], {
  clusterTrustBundle: described(
    ClusterTrustBundleProjection,
    'ClusterTrustBundle allows a pod to access the `.spec.trustBundle` field of ClusterTrustBundle objects in an auto-updating file.',
  ),
  configMap: described(ConfigMapProjection, 'ConfigMap information about the configMap data to project.'),
  downwardAPI: described(DownwardAPIProjection, 'DownwardAPI information about the downwardAPI data to project.'),
  secret: described(SecretProjection, 'Secret information about the secret data to project.'),
  serviceAccountToken: described(
    ServiceAccountTokenProjection,
    'Information about the serviceAccountToken data to project.',
  ),
  podCertificate: open('A certificate and key for the pod; Kubernetes 1.34 and later.'),
});

export const ProjectedVolumeSource = object('ProjectedVolumeSource', 'Several volume sources in one directory.', [], {
  defaultMode: integer('The mode bits used to set permissions on created files by default.'),
  sources: list(VolumeProjection, 'The list of volume projections.', atomic),
});

export const PersistentVolumeClaimVolumeSource = object(
  'PersistentVolumeClaimVolumeSource',
  'A PersistentVolumeClaim of the same namespace.',
  ['claimName'],
  {
    claimName: text('The name of a PersistentVolumeClaim in the same namespace as the pod using this volume.'),
    readOnly: flag('ReadOnly Will force the ReadOnly setting in VolumeMounts.'),
  },
);

export const NFSVolumeSource = object(
  'NFSVolumeSource',
  'An NFS mount that lasts the lifetime of a pod.',
  ['path', 'server'],
  {
    path: text('Path that is exported by the NFS server.'),
    readOnly: flag('ReadOnly here will force the NFS export to be mounted with read-only permissions.'),
    server: text('The hostname or IP address of the NFS server.'),
  },
);

export const CSIVolumeSource = object('CSIVolumeSource', 'A volume managed by an external CSI driver.', ['driver'], {
  driver: text('The name of the CSI driver that handles this volume.'),
  fsType: text('FsType to mount.'),
  nodePublishSecretRef: described(LocalObjectReference, 'Secret handed to the CSI driver.'),
  readOnly: flag('A read-only configuration for the volume.'),
  volumeAttributes: textMap('VolumeAttributes stores driver-specific properties that are passed to the CSI driver.'),
});

export const ImageVolumeSource = object('ImageVolumeSource', 'An OCI image or artifact as a volume.', [], {
  reference: text('Image or artifact.'),
  pullPolicy: choice('When to pull it.', ['Always', 'IfNotPresent', 'Never']),
});

export const Volume = object(
  'Volume',
  'A named volume in a pod that may be accessed by any container in the pod.',
  ['name'],
  {
    awsElasticBlockStore: open(
      "An AWS Disk resource that is attached to a kubelet's host machine and then exposed to the pod.",
    ),
    azureDisk: open('An Azure Data Disk mount on the host and bind mount to the pod.'),
    azureFile: open('An Azure File Service mount on the host and bind mount to the pod.'),
    cephfs: open("A Ceph FS mount on the host that shares a pod's lifetime."),
    cinder: open('A cinder volume attached and mounted on kubelets host machine.'),
    configMap: described(ConfigMapVolumeSource, 'A configMap that should populate this volume.'),
    csi: described(CSIVolumeSource, 'Storage of a CSI driver that lives as long as the pod.'),
    downwardAPI: described(DownwardAPIVolumeSource, 'Downward API about the pod that should populate this volume.'),
    emptyDir: described(EmptyDirVolumeSource, "A temporary directory that shares a pod's lifetime."),
    ephemeral: open('A volume that is handled by a cluster storage driver.'),
    fc: open("A Fibre Channel resource that is attached to a kubelet's host machine and then exposed to the pod."),
    flexVolume: open('A generic volume resource that is provisioned/attached using an exec based plugin.'),
    flocker: open("A Flocker volume attached to a kubelet's host machine."),
    gcePersistentDisk: open(
      "A GCE Disk resource that is attached to a kubelet's host machine and then exposed to the pod.",
    ),
    gitRepo: open('A git repository at a particular revision.'),
    glusterfs: open("A Glusterfs mount on the host that shares a pod's lifetime."),
    hostPath: described(
      HostPathVolumeSource,
      'A pre-existing file or directory on the host machine that is directly exposed to the container.',
    ),
    iscsi: open("An ISCSI Disk resource that is attached to a kubelet's host machine and then exposed to the pod."),
    name: text('Name of the volume.'),
    nfs: described(NFSVolumeSource, "An NFS mount on the host that shares a pod's lifetime."),
    persistentVolumeClaim: described(
      PersistentVolumeClaimVolumeSource,
      'A PersistentVolumeClaim of the same namespace.',
    ),
    photonPersistentDisk: open('A PhotonController persistent disk attached and mounted on kubelets host machine.'),
    portworxVolume: open('A portworx volume attached and mounted on kubelets host machine.'),
    projected: described(ProjectedVolumeSource, 'Secrets, ConfigMaps, downward API and tokens together.'),
    quobyte: open("A Quobyte mount on the host that shares a pod's lifetime."),
    rbd: open("A Rados Block Device mount on the host that shares a pod's lifetime."),
    scaleIO: open('A ScaleIO persistent volume attached and mounted on Kubernetes nodes.'),
    secret: described(SecretVolumeSource, 'A secret that should populate this volume.'),
    storageos: open('A StorageOS volume attached and mounted on Kubernetes nodes.'),
    vsphereVolume: open('A vSphere volume attached and mounted on kubelets host machine.'),
    image: described(ImageVolumeSource, 'An OCI image or artifact, mounted read-only.'),
  },
);
