import type { Command } from 'commander';
import { type OutputFormat, outputOption } from './output.ts';
import { logFormatOption } from './roles.ts';

export interface ServeFlags {
  address: string;
  port: string;
  waitTimeout: string;
  hookTimeout: string[];
  state?: string;
  images?: string;
  store?: string;
  keys?: string;
  encryptTo?: string[];
  tlsCert?: string;
  tlsKey?: string;
  tlsCa?: string;
  tokenSecretFile?: string;
  insecure?: boolean;
  logLevel: 'debug' | 'info' | 'warn' | 'error';
  logFormat: 'json' | 'text';
}

export interface RelayFlags {
  port: string;
  server: string;
  tlsCa: string;
  tlsCert?: string;
  tlsKey?: string;
}

const collect = (value: string, before: string[]): string[] => [...before, value];

export function register(program: Command): void {
  const coordinator = program
    .command('coordinator')
    .description("barriers for CRIU's hooks, so that a distributed application is checkpointed whole or not at all");
  coordinator
    .command('serve')
    .description('run the barrier server; the clients of criu-coordinator can use it as well')
    .option('-a, --address <address>', 'address to listen on', '127.0.0.1')
    .option('-p, --port <port>', 'port to listen on', '8080')
    .option('-w, --wait-timeout <seconds>', 'how long a barrier waits for the last member', '30')
    .option('--hook-timeout <hook=seconds>', 'another time for one hook of groups, e.g. post-dump=300', collect, [])
    .option('--state <file>', 'keep what is decided here, so that a restarted server goes on')
    .option('--images <folder>', 'take the images that members stream (pre-stream), one folder each')
    .option('--store <url>', 'copy them there: a folder, s3://BUCKET/PREFIX, oci://REGISTRY/REPOSITORY; needs --keys')
    .option('--keys <folder>', 'made by `fermata keys create`')
    .option('--encrypt-to <file...>', 'encrypt what is stored for who is named there, and for who has the keys')
    .option('--tls-cert <file>', 'certificate, PEM')
    .option('--tls-key <file>', 'its key, PEM')
    .option('--tls-ca <file>', 'clients need a certificate of this authority, PEM')
    .option('--token-secret-file <file>', 'every request needs a token made with this secret')
    .option('--insecure', 'listen beyond this machine though nothing keeps strangers out')
    .option('--log-level <level>', 'debug, info, warn or error', 'info')
    .addOption(logFormatOption())
    .action(async (flags: ServeFlags) => {
      const { serveCoordinator } = await import('./coordinator-run.ts');
      await serveCoordinator(flags);
    });
  coordinator
    .command('relay')
    .description("bring this machine's hooks to a coordinator behind TLS")
    .requiredOption('--server <host:port>', 'the coordinator')
    .requiredOption('--tls-ca <file>', 'its authority, PEM')
    .option('--tls-cert <file>', 'our certificate, PEM')
    .option('--tls-key <file>', 'its key, PEM')
    .option('-p, --port <port>', 'port on 127.0.0.1', '8080')
    .action(async (flags: RelayFlags) => {
      const { relayCoordinator } = await import('./coordinator-run.ts');
      await relayCoordinator(flags);
    });
  coordinator
    .command('status')
    .description('show the groups and members a coordinator knows, and how far they are')
    .option('-a, --address <address>', 'address of the coordinator', '127.0.0.1')
    .option('-p, --port <port>', 'port of the coordinator', '8080')
    .option('--session <name>', 'this session only')
    .option('--token <token>', 'of that session, where tokens are needed')
    .addOption(outputOption())
    .action(
      async (flags: { address: string; port: string; session?: string; token?: string; output?: OutputFormat }) => {
        const { showCoordinator } = await import('./coordinator-run.ts');
        await showCoordinator(flags);
      },
    );
  coordinator
    .command('token')
    .description('make a token that admits to one session')
    .requiredOption('--token-secret-file <file>', "the server's")
    .requiredOption('--session <name>', 'session it admits to')
    .option('--member <id>', 'only as this member')
    .option('--expires <seconds>', 'from now on', '3600')
    .action(async (flags: { tokenSecretFile: string; session: string; member?: string; expires: string }) => {
      const { printToken } = await import('./coordinator-run.ts');
      await printToken(flags);
    });
  coordinator
    .command('hook')
    .description("print the path of the hook, for CRIU's --action-script or `action-script` in a CRIU configuration")
    .action(async () => {
      const { HOOK_PATH } = await import('../coordination/index.ts');
      process.stdout.write(`${HOOK_PATH}\n`);
    });
}
