import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { type CoordinatorStatus, issueToken } from '../coordination/index.ts';
import { FermataError } from '../model/index.ts';
import type { RelayFlags, ServeFlags } from './coordinator.ts';
import { UsageError } from './exit.ts';
import { type OutputFormat, printResult, table } from './output.ts';
import { runRole } from './roles.ts';

/** Room for the answer: longer than the server itself allows a request to take to arrive. */
const STATUS_TIMEOUT_MILLISECONDS = 10_000;

export async function serveCoordinator(flags: ServeFlags): Promise<void> {
  const { startCoordinator } = await import('../roles/coordinator.ts');
  const { tlsCert, tlsKey, tlsCa } = flags;
  if ((tlsCert === undefined) !== (tlsKey === undefined)) throw new UsageError('--tls-cert and --tls-key go together');
  if (tlsCa !== undefined && tlsCert === undefined) throw new UsageError('--tls-ca needs --tls-cert and --tls-key');
  const { images, store, keys, encryptTo } = flags;
  if (store !== undefined && (images === undefined || keys === undefined)) {
    throw new UsageError('--store needs --images and --keys', 'make a folder of keys: fermata keys create FOLDER');
  }
  if (store === undefined && (keys ?? encryptTo) !== undefined)
    throw new UsageError('--keys and --encrypt-to need --store');
  const secret = flags.tokenSecretFile === undefined ? undefined : secretOf(flags.tokenSecretFile);
  const tls =
    tlsCert === undefined || tlsKey === undefined
      ? undefined
      : {
          cert: readFileSync(tlsCert, 'utf8'),
          key: readFileSync(tlsKey, 'utf8'),
          ...(tlsCa !== undefined && { ca: readFileSync(tlsCa, 'utf8') }),
        };
  await runRole(
    () =>
      startCoordinator({
        server: {
          ...{ address: flags.address, port: portOf(flags.port, '--port'), insecure: flags.insecure === true },
          ...(tls !== undefined && { tls }),
          hasTokens: secret !== undefined,
        },
        coordinator: {
          waitMilliseconds: secondsOf(flags.waitTimeout, '--wait-timeout') * 1000,
          hookMilliseconds: Object.fromEntries(flags.hookTimeout.map(hookTimeout)),
          ...(secret !== undefined && { secret }),
        },
        ...(flags.state !== undefined && { state: flags.state }),
        ...(images !== undefined && { images }),
        ...(store !== undefined && keys !== undefined && { archives: { store, keys, encryptTo } }),
        logLevel: flags.logLevel,
        logFormat: flags.logFormat,
      }),
    {},
  );
}

export async function relayCoordinator(flags: RelayFlags): Promise<void> {
  const { startRelay } = await import('../roles/coordinator.ts');
  const match = /^(.+):(\d+)$/.exec(flags.server);
  if (match?.[1] === undefined) throw new UsageError(`--server ${flags.server} is not HOST:PORT`);
  const server = { address: match[1].replace(/^\[|\]$/g, ''), port: portOf(match[2] ?? '', '--server') };
  const { tlsCa: ca, tlsCert: cert, tlsKey: key } = flags;
  const tls = { ca, ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) };
  await runRole(() => startRelay({ port: portOf(flags.port, '--port'), server, tls }), {});
}

export async function showCoordinator(flags: {
  address: string;
  port: string;
  session?: string;
  token?: string;
  output?: OutputFormat;
}): Promise<void> {
  const { session, token } = flags;
  const request = {
    id: 'fermata',
    action: 'status',
    dependencies: '',
    ...(session && { session }),
    ...(token && { token }),
  };
  const text = await ask(flags.address, portOf(flags.port, '--port'), JSON.stringify(request));
  if (!text.startsWith('{')) {
    const reason = text === '' ? 'closed the connection' : `said "${text}"`;
    throw new FermataError('CoordinatorUnreachable', `the coordinator at ${flags.address}:${flags.port} ${reason}`, {
      nextStep: 'with tokens it tells about a session only: --session and --token',
    });
  }
  const status = JSON.parse(text) as CoordinatorStatus;
  await printResult(status, flags.output, () => {
    const groups = status.groups.map((one) => [
      `${one.session}/${one.group}`,
      `${Object.keys(one.members).length}/${one.size}`,
      one.operation ?? '',
      one.verdict ?? (one.round === undefined ? '' : 'undecided'),
      String(one.waiting),
      one.reason ?? '',
    ]);
    const members = status.members.map((one) => [one.id, '', one.operation, '', String(one.waiting), '']);
    return table(['GROUP', 'MEMBERS', 'OPERATION', 'VERDICT', 'WAITING', 'REASON'], [...groups, ...members]);
  });
}

export async function printToken(flags: {
  tokenSecretFile: string;
  session: string;
  member?: string;
  expires: string;
}): Promise<void> {
  const expiresAtSeconds = Math.floor(Date.now() / 1000) + secondsOf(flags.expires, '--expires');
  const grant = {
    session: flags.session,
    expiresAtSeconds,
    ...(flags.member !== undefined && { member: flags.member }),
  };
  process.stdout.write(`${issueToken(secretOf(flags.tokenSecretFile), grant)}\n`);
}

function ask(address: string, port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect({ host: address, port, timeout: STATUS_TIMEOUT_MILLISECONDS }, () => socket.write(request));
    socket.setEncoding('utf8');
    socket.on('data', (part: string) => {
      text += part;
    });
    socket.once('timeout', () => socket.destroy(new Error('no answer within 10 s')));
    socket.once('error', (cause) => {
      const what = `no coordinator answers at ${address}:${port}: ${cause.message}`;
      reject(
        new FermataError('CoordinatorUnreachable', what, { cause, nextStep: 'start one: fermata coordinator serve' }),
      );
    });
    socket.once('close', () => resolve(text));
  });
}

function secretOf(file: string): string {
  const secret = readFileSync(file, 'utf8').trim();
  if (secret.length < 16) throw new UsageError(`the secret in ${file} has less than 16 characters`);
  return secret;
}

function hookTimeout(argument: string): [string, number] {
  const match = /^([a-z-]+)=(.+)$/.exec(argument);
  if (match?.[1] === undefined) throw new UsageError(`--hook-timeout ${argument} is not HOOK=SECONDS`);
  return [match[1], secondsOf(match[2] ?? '', '--hook-timeout') * 1000];
}

function portOf(text: string, flag: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new UsageError(`${flag} ${text} is not a port`);
  return port;
}

function secondsOf(text: string, flag: string): number {
  const seconds = Number(text);
  if (!(seconds > 0)) throw new UsageError(`${flag} ${text} is not a number of seconds`);
  return seconds;
}
