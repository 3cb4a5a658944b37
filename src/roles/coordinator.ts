import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type Clock, SystemClock } from '../clock/index.ts';
import {
  CoordinationRelay,
  CoordinationServer,
  type CoordinationServerOptions,
  Coordinator,
  type CoordinatorOptions,
  ImageFolder,
  MemoryState,
  SqliteState,
} from '../coordination/index.ts';
import type { Log } from '../model/index.ts';
import { type ArchiveOptions, NodeArchives } from './archive.ts';
import { createLog, type LogFormat, type LogLevel } from './log.ts';
import type { Running } from './role.ts';
import { StreamedArchive } from './streamed-archive.ts';

export interface CoordinatorRoleOptions {
  server: CoordinationServerOptions;
  coordinator: CoordinatorOptions;
  /** File of the state; absent: what was decided is forgotten when the process ends. */
  state?: string;
  /** Folder for images that members stream; absent: they are not taken. */
  images?: string;
  /** Where they are copied to besides, in archives. Default: nowhere. */
  archives?: ArchiveOptions & { store: string };
  logLevel?: LogLevel;
  logFormat?: LogFormat;
}

/** The barrier server of CRIU's hooks. */
export async function startCoordinator(options: CoordinatorRoleOptions): Promise<Running & { port: number }> {
  const parts = { clock: new SystemClock(), log: createLog('coordinator', options.logLevel, options.logFormat) };
  const file = options.state === undefined ? undefined : resolve(options.state);
  if (file !== undefined) mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const state = file === undefined ? new MemoryState() : new SqliteState(file);
  const coordinator = new Coordinator({ ...parts, state }, options.coordinator);
  const { images: folder, archives } = options;
  const streamed =
    folder === undefined || archives === undefined
      ? undefined
      : await streamedArchive(parts, resolve(folder), archives);
  const images =
    folder === undefined
      ? undefined
      : new ImageFolder(resolve(folder), (stream) => streamed?.add(stream) ?? Promise.resolve());
  const server = new CoordinationServer(
    { ...parts, coordinator, ...(images !== undefined && { images }) },
    options.server,
  );
  await server.start();
  parts.log.info({ address: options.server.address, port: server.port }, 'the coordinator listens');
  return {
    port: server.port,
    stop: async () => {
      await server.stop();
      await streamed?.stop();
      state.close();
    },
  };
}

async function streamedArchive(
  parts: { clock: Clock; log: Log },
  folder: string,
  options: ArchiveOptions & { store: string },
): Promise<{ add: StreamedArchive['add']; stop: () => Promise<void> }> {
  const archives = await NodeArchives.from(parts, options);
  const archive = await archives.open(options.store, []);
  const streamed = new StreamedArchive({ ...parts, archive }, folder);
  await streamed.start();
  return {
    add: (stream) => streamed.add(stream),
    stop: async () => {
      await streamed.stop();
      await archives.close();
    },
  };
}

/** The way from this machine's hooks to a coordinator behind TLS; files are PEM. */
export async function startRelay(options: {
  port: number;
  server: { address: string; port: number };
  tls: { ca: string; cert?: string; key?: string };
  logLevel?: LogLevel;
}): Promise<Running> {
  const log = createLog('coordinator-relay', options.logLevel);
  const { ca, cert, key } = options.tls;
  const relay = new CoordinationRelay(log, {
    port: options.port,
    server: options.server,
    tls: {
      ca: readFileSync(ca, 'utf8'),
      ...(cert && { cert: readFileSync(cert, 'utf8') }),
      ...(key && { key: readFileSync(key, 'utf8') }),
    },
  });
  await relay.start();
  log.info({ port: relay.port, server: options.server }, 'the relay listens');
  return { stop: () => relay.stop() };
}
