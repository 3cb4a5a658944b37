import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FermataError } from '../model/index.ts';
import { loadKubeconfig } from './kubeconfig.ts';

const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const DATA = Buffer.from(PEM).toString('base64');

function config(user: string, cluster = 'server: https://one.example:6443'): string {
  return `
apiVersion: v1
kind: Config
current-context: main
contexts: [{ name: main, context: { cluster: c, user: u, namespace: team } }]
clusters: [{ name: c, cluster: { ${cluster} } }]
users: [{ name: u, user: { ${user} } }]
`;
}

async function withFiles(files: Record<string, string>, use: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'fermata-kubeconfig-'));
  try {
    for (const [name, content] of Object.entries(files)) {
      await mkdir(join(directory, name, '..'), { recursive: true });
      await writeFile(join(directory, name), content);
    }
    await use(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

const FORMS: Record<string, { user: string; cluster?: string; access: object }> = {
  'a token': { user: 'token: t', access: { token: 't' } },
  'a name and password': { user: 'username: me, password: secret', access: { username: 'me', password: 'secret' } },
  'inline certificates': {
    user: `client-certificate-data: ${DATA}, client-key-data: ${DATA}`,
    access: { clientCert: PEM, clientKey: PEM },
  },
  'certificate files beside the kubeconfig': {
    user: 'client-certificate: pki/cert.pem, client-key: pki/cert.pem',
    access: { clientCert: PEM, clientKey: PEM },
  },
  'an authority, a server name and no user data': {
    user: '',
    cluster: `server: "https://one.example:6443", certificate-authority-data: ${DATA}, tls-server-name: inner`,
    access: { ca: PEM, tlsServerName: 'inner' },
  },
  'a proxy': {
    user: '',
    cluster: 'server: "https://one.example:6443", proxy-url: "http://proxy.example:3128"',
    access: { proxyUrl: 'http://proxy.example:3128' },
  },
  'somebody to act as': {
    user: 'token: t, as: jane, as-groups: [dev, ops], as-user-extra: { "example.org/scope": [view] }',
    access: {
      token: 't',
      impersonation: {
        'impersonate-user': 'jane',
        'impersonate-group': ['dev', 'ops'],
        'impersonate-extra-example.org%2Fscope': ['view'],
      },
    },
  },
  'a server that is not to be verified': {
    user: '',
    cluster: 'server: "https://one.example:6443", insecure-skip-tls-verify: true',
    access: { insecureSkipTLSVerify: true },
  },
};

for (const [sentence, { user, cluster, access }] of Object.entries(FORMS)) {
  test(`a kubeconfig with ${sentence} is read`, async () => {
    await withFiles({ config: config(user, cluster), 'pki/cert.pem': PEM }, async (directory) => {
      assert.deepEqual(await loadKubeconfig({ path: join(directory, 'config') }), {
        server: 'https://one.example:6443',
        namespace: 'team',
        context: 'main',
        ...access,
      });
    });
  });
}

test('of several files the first to say something wins, and files that are missing are passed over', async () => {
  const second = config('token: second').replaceAll('one.example', 'two.example').replaceAll('main', 'other');
  await withFiles({ a: config('tokenFile: token'), b: second }, async (directory) => {
    const [none, a, b] = ['none', 'a', 'b'].map((name) => join(directory, name));
    const environment = { KUBECONFIG: `${none}:${a}:${b}` };
    const first = await loadKubeconfig({ environment });
    assert.deepEqual([first.context, first.tokenFile], ['main', join(directory, 'token')]);
    const other = await loadKubeconfig({ environment, context: 'other' });
    assert.deepEqual([other.context, other.server, other.tokenFile], ['other', first.server, first.tokenFile]);
  });
});

test('without any file, a pod’s own service account is used', async () => {
  await withFiles({ 'sa/ca.crt': PEM, 'sa/namespace': 'team\n', 'sa/token': 't' }, async (directory) => {
    const environment = { HOME: directory, KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' };
    const serviceAccountDirectory = join(directory, 'sa');
    assert.deepEqual(await loadKubeconfig({ environment, serviceAccountDirectory }), {
      server: 'https://10.0.0.1:443',
      ca: PEM,
      tokenFile: join(directory, 'sa', 'token'),
      namespace: 'team',
      context: 'in-cluster',
    });
  });
});

const REFUSED: Record<string, { content: string; context?: string; code: string; message: RegExp }> = {
  'YAML that is none, without showing its lines,': {
    content: 'users:\n- user:\n    token: "secret\n',
    code: 'KubeconfigInvalid',
    message: /config is not YAML: Missing closing "quote at line 4, column 1$/,
  },
  'a list without its end': { content: 'a: [', code: 'KubeconfigInvalid', message: /config is not YAML/ },
  'a file that is something else': { content: 'just text', code: 'KubeconfigInvalid', message: /holds no fields/ },
  'a context that does not exist': {
    content: config(''),
    context: 'none',
    code: 'KubeconfigInvalid',
    message: /contexts\[name=none\] does not exist; there are: main/,
  },
  'no current context': {
    content: config('').replace('current-context: main', ''),
    code: 'KubeconfigInvalid',
    message: /current-context is not set/,
  },
  'a user that does not exist': {
    content: config('').replace('user: u,', 'user: x,'),
    code: 'KubeconfigInvalid',
    message: /contexts\[name=main\]\.context\.user names user "x", which does not exist/,
  },
  'a server that is no URL': {
    content: config('', 'server: one.example'),
    code: 'KubeconfigInvalid',
    message: /clusters\[name=c\]\.cluster\.server must be an http or https URL, and is "one\.example"/,
  },
  'a certificate that is none': {
    content: config('client-certificate-data: eA==, client-key-data: eA=='),
    code: 'KubeconfigInvalid',
    message: /users\[name=u\]\.user\.client-certificate-data is not base64 of PEM/,
  },
  'a certificate without its key': {
    content: config(`client-certificate-data: ${DATA}`),
    code: 'KubeconfigInvalid',
    message: /users\[name=u\]\.user\.client-key is missing/,
  },
  'a file that is not there': {
    content: config('client-certificate: none.pem, client-key: none.pem'),
    code: 'KubeconfigInvalid',
    message: /users\[name=u\]\.user\.client-certificate cannot be read: ENOENT/,
  },
  'a field of the wrong type': {
    content: config('token: 5'),
    code: 'KubeconfigInvalid',
    message: /users\[name=u\]\.user\.token must be text/,
  },
  'a list that is none': {
    content: 'clusters: 5',
    code: 'KubeconfigInvalid',
    message: /clusters must be a list/,
  },
};

for (const [sentence, { content, context, code, message }] of Object.entries(REFUSED)) {
  test(`${sentence} is refused with file and field`, async () => {
    await withFiles({ config: content }, async (directory) => {
      const path = join(directory, 'config');
      await assert.rejects(loadKubeconfig({ path, ...(context === undefined ? {} : { context }) }), (error) => {
        assert.ok(error instanceof FermataError);
        assert.equal(error.code, code);
        assert.match(error.message, message);
        assert.ok(error.message.includes(path));
        return true;
      });
    });
  });
}

test('no kubeconfig anywhere is told with the places that were looked at', async () => {
  await withFiles({}, async (directory) => {
    await assert.rejects(loadKubeconfig({ environment: { HOME: directory } }), (error) => {
      assert.ok(error instanceof FermataError);
      assert.equal(error.code, 'KubeconfigMissing');
      assert.ok(error.message.includes(join(directory, '.kube', 'config')));
      return true;
    });
  });
});

test('an exec plugin’s token goes into every call, and a plugin that fails is told', async () => {
  const credential = {
    apiVersion: 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    status: { token: 'from-plugin' },
  };
  const user = (command: string): string =>
    `exec: { apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: "${command}" }`;
  await withFiles({ plugin: `#!/bin/sh\necho '${JSON.stringify(credential)}'\n` }, async (directory) => {
    await chmod(join(directory, 'plugin'), 0o755);
    const path = join(directory, 'config');
    await writeFile(path, config(user(join(directory, 'plugin'))));
    const access = await loadKubeconfig({ path });
    assert.deepEqual(await access.authorize?.(), { authorization: 'Bearer from-plugin' });
    await writeFile(path, config(user(join(directory, 'none'))));
    await assert.rejects(loadKubeconfig({ path }), (error) => {
      return (
        error instanceof FermataError &&
        error.code === 'CredentialsUnavailable' &&
        /users\[name=u\]/.test(error.message)
      );
    });
  });
});

test('an exec plugin is asked again once the server has refused its token, and not before', async () => {
  const credential = `{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"$N"}}`;
  const plugin = `#!/bin/sh\ncd "$(dirname "$0")"\necho >> asked\nN=$(wc -l < asked | tr -d ' ')\necho "${credential.replaceAll('"', '\\"')}"\n`;
  await withFiles({ plugin }, async (directory) => {
    await chmod(join(directory, 'plugin'), 0o755);
    const user = `exec: { apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: "${join(directory, 'plugin')}" }`;
    await writeFile(join(directory, 'config'), config(user));
    const access = await loadKubeconfig({ path: join(directory, 'config') });
    const tokens = [await access.authorize?.(), await access.authorize?.()];
    access.authorizationRefused?.();
    tokens.push(await access.authorize?.());
    assert.deepEqual(
      tokens.map((headers) => headers?.authorization),
      ['Bearer 1', 'Bearer 1', 'Bearer 2'],
    );
  });
});
