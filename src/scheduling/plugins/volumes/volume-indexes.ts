import type { ClusterObjects } from '../../snapshot/cluster-objects.ts';
import type { SnapshotListener } from '../../snapshot/snapshot-listener.ts';
import { AttachedVolumes } from './attached-volumes.ts';
import { AvailableVolumes } from './available-volumes.ts';
import { ClaimUsers } from './claim-users.ts';
import { VolumeObjects } from './pod-claims.ts';
import { StorageCapacities } from './storage-capacities.ts';

/** What the volume plugins know of claims and volumes; shared by all profiles. */
export class VolumeIndexes {
  readonly objects: VolumeObjects;
  readonly users = new ClaimUsers();
  readonly attached: AttachedVolumes;
  readonly available = new AvailableVolumes();
  readonly capacities = new StorageCapacities();

  constructor(objects: ClusterObjects) {
    this.objects = new VolumeObjects(objects);
    this.attached = new AttachedVolumes(this.objects);
  }

  get listeners(): readonly SnapshotListener[] {
    return [this.users, this.attached, this.available, this.capacities];
  }
}
