/** Labels that tie Podman's containers and pods to the pods of the cluster. */
export const NODE_LABEL = 'dev.fermata.node';
export const UID_LABEL = 'dev.fermata.pod-uid';
export const NAMESPACE_LABEL = 'dev.fermata.pod-namespace';
export const POD_LABEL = 'dev.fermata.pod-name';
export const CONTAINER_LABEL = 'dev.fermata.container';
/** On a container to be restored: it must never be started from scratch. */
export const RESTORE_LABEL = 'dev.fermata.restore';
/** On a container of a restored pod that had ended before the dump: `exitCode:startedAt:finishedAt`. */
export const ENDED_LABEL = 'dev.fermata.ended';
/** On every container, the OCI annotations by which CRIU finds our options and archive tools the pod. */
export const CRIU_CONFIG_ANNOTATION = 'org.criu.config';
