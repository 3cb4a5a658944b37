import type { KeyObject } from 'node:crypto';
import type { Identity } from '../keys/identity.ts';
import type { Recipient } from '../keys/recipient.ts';

/** The keys of whoever writes and reads archives: a node. */
export interface ArchiveKeys {
  /** 32 bytes, the same on all nodes of a cluster: what chunk ids are made with. */
  chunkSecret: Uint8Array;
  /** Ed25519, private: signs manifests. */
  signingKey: KeyObject;
  /** Ed25519, public: whose manifests are let through; usually those of all nodes of a cluster. */
  trustedSigners: readonly KeyObject[];
  /** Private keys that open data keys. Without one archives can be written, not read, continued or based on. */
  identities: readonly Identity[];
  /** Who may read what is written; none: archives are not encrypted. */
  recipients: readonly Recipient[];
}
