import { imageSizes, writeRecord } from './archive.ts';

/** A container whose dump came from elsewhere: what there is of it is its folder and its `config.dump`. */
export interface ImportedDump {
  namespace: string;
  /** Of the pod. */
  pod: string;
  /** Of its container, whose files lie in the folder of this name. */
  container: string;
  /** As `config.dump` tells. */
  id: string;
  image: string;
  imageID: string;
}

/**
 * Writes what a Podman node restores a pod by. It has one container, with namespaces of its own and no connections. Throws FermataError
 * `DumpFailed` when images are missing.
 */
export async function recordImportedDump(directory: string, dump: ImportedDump): Promise<void> {
  const { namespace, pod, container, id, image, imageID } = dump;
  const images = await imageSizes(`${directory}/${container}`);
  await writeRecord(directory, {
    version: 1,
    uid: '',
    namespace,
    name: pod,
    tcpEstablished: false,
    dumped: [{ name: container, id, image, imageID, images }],
    ended: {},
  });
}
