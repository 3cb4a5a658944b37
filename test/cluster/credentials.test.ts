import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { HttpStore, isApiError, loadKubeconfig } from '../../src/kubernetes/index.ts';
import { CONFIG_MAPS, SERVICE_ACCOUNTS } from '../../src/model/index.ts';
import { access, withNamespace } from './cluster.ts';

/** Whom the server takes the client for: its refusal names the user. */
async function whoAmI(store: HttpStore, namespace: string): Promise<string> {
  try {
    await store.list(CONFIG_MAPS, { namespace });
    return 'somebody with rights';
  } catch (error) {
    if (!isApiError(error, 'Forbidden')) throw error;
    return /User "([^"]+)"/.exec(error.message)?.[1] ?? error.message;
  }
}

/** A token of the namespace's default service account (TokenRequest). */
async function tokenOf(store: HttpStore, namespace: string): Promise<string> {
  for (let tries = 0; ; tries++) {
    const found = (await store.list(SERVICE_ACCOUNTS, { namespace })).items.length > 0;
    if (found) break;
    assert.ok(tries < 600, 'the namespace never gets its service account');
    await pause(100);
  }
  const dispatcher = new Agent({
    connect: {
      ...(access.ca === undefined ? {} : { ca: access.ca }),
      ...(access.clientCert === undefined ? {} : { cert: access.clientCert }),
      ...(access.clientKey === undefined ? {} : { key: access.clientKey }),
    },
  });
  try {
    const answer = await request(`${access.server}/api/v1/namespaces/${namespace}/serviceaccounts/default/token`, {
      dispatcher,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(access.token === undefined ? {} : { authorization: `Bearer ${access.token}` }),
      },
      body: JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} }),
    });
    const { status } = (await answer.body.json()) as { status?: { token?: string } };
    assert.ok(status?.token, 'the server gave no token');
    return status.token;
  } finally {
    await dispatcher.close();
  }
}

async function withAccess(
  options: { user: string; files?: Record<string, string> },
  use: (store: HttpStore, folder: string) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'fermata-credentials-'));
  try {
    const ca = Buffer.from(access.ca ?? '').toString('base64');
    const config = `
apiVersion: v1
kind: Config
current-context: c
contexts: [{ name: c, context: { cluster: c, user: u } }]
clusters: [{ name: c, cluster: { server: "${access.server}", certificate-authority-data: ${ca} } }]
users: [{ name: u, user: { ${options.user.replaceAll('FOLDER', folder)} } }]
`;
    for (const [name, content] of Object.entries({ ...options.files, config })) {
      await writeFile(join(folder, name), content);
      await chmod(join(folder, name), 0o700);
    }
    const store = new HttpStore(await loadKubeconfig({ path: join(folder, 'config') }));
    try {
      await use(store, folder);
    } finally {
      await store.close();
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('a token file that was replaced is read again, at the latest when the server refuses the old one', async () => {
  await withNamespace(async (store, namespace) => {
    const token = await tokenOf(store, namespace);
    await withAccess({ user: 'tokenFile: token', files: { token: 'outdated' } }, async (own, folder) => {
      await assert.rejects(whoAmI(own, namespace), (error) => isApiError(error, 'Unauthorized'));
      await writeFile(join(folder, 'token'), `${token}\n`);
      assert.equal(await whoAmI(own, namespace), `system:serviceaccount:${namespace}:default`);
    });
  });
});

test('a pod reaches the server by its service account', async () => {
  await withNamespace(async (store, namespace) => {
    const token = await tokenOf(store, namespace);
    const serviceAccountDirectory = await mkdtemp(join(tmpdir(), 'fermata-account-'));
    try {
      for (const [name, content] of Object.entries({ token, namespace, 'ca.crt': access.ca ?? '' })) {
        await writeFile(join(serviceAccountDirectory, name), content);
      }
      const { hostname, port } = new URL(access.server);
      const environment = {
        HOME: serviceAccountDirectory,
        KUBERNETES_SERVICE_HOST: hostname,
        KUBERNETES_SERVICE_PORT: port || '443',
      };
      const own = new HttpStore(await loadKubeconfig({ environment, serviceAccountDirectory }));
      try {
        assert.equal(await whoAmI(own, namespace), `system:serviceaccount:${namespace}:default`);
      } finally {
        await own.close();
      }
    } finally {
      await rm(serviceAccountDirectory, { recursive: true });
    }
  });
});

test('the token of an exec plugin is sent', async () => {
  await withNamespace(async (store, namespace) => {
    const token = await tokenOf(store, namespace);
    const credential = { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token } };
    const plugin = `#!/bin/sh\necho '${JSON.stringify(credential)}'\n`;
    const user =
      'exec: { apiVersion: client.authentication.k8s.io/v1, command: FOLDER/plugin, interactiveMode: Never }';
    await withAccess({ user, files: { plugin } }, async (own) => {
      assert.equal(await whoAmI(own, namespace), `system:serviceaccount:${namespace}:default`);
    });
  });
});

test('who acts as somebody else is taken for that one', async () => {
  await withNamespace(async (_store, namespace) => {
    const own = new HttpStore({
      ...access,
      impersonation: { 'impersonate-user': 'jane', 'impersonate-group': ['dev'] },
    });
    try {
      assert.equal(await whoAmI(own, namespace), 'jane');
    } finally {
      await own.close();
    }
  });
});
