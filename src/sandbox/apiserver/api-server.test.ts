import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Answer, linesOf, TestServer } from './test-server.ts';

const PODS = '/api/v1/namespaces/default/pods';
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';
const JSON_PATCH = { 'content-type': 'application/json-patch+json' };
const MERGE_PATCH = { 'content-type': 'application/merge-patch+json' };
const STRATEGIC = { 'content-type': 'application/strategic-merge-patch+json' };
const TABLE = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };

function pod(name: string, spec: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: { containers: [{ name: 'main', image: 'busybox' }], ...spec },
  };
}

function configMap(name: string, data: Record<string, string> = {}): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data };
}

function assertStatus(answer: Answer, code: number, reason: string, message: RegExp): void {
  assert.equal(answer.status, code, answer.text);
  assert.equal(answer.body.kind, 'Status');
  assert.equal(answer.body.code, code);
  assert.equal(answer.body.reason, reason);
  assert.match(answer.body.message, message);
}

describe('API server', () => {
  let server: TestServer;
  before(async () => {
    server = await TestServer.start();
  });
  after(async () => {
    const { complaints } = server;
    await server[Symbol.asyncDispose]();
    assert.deepEqual(complaints, []);
  });

  const REFUSED: Record<string, [() => Promise<Answer>, number, string, RegExp]> = {
    'no token': [
      () => server.call('GET', PODS, { headers: { authorization: '' } }),
      401,
      'Unauthorized',
      /Unauthorized/,
    ],
    'a wrong token': [
      () => server.call('GET', PODS, { headers: { authorization: 'Bearer nonsense' } }),
      401,
      'Unauthorized',
      /Unauthorized/,
    ],
    'acting as somebody else': [
      () => server.call('GET', PODS, { headers: { 'impersonate-user': 'somebody' } }),
      403,
      'Forbidden',
      /cannot act as another/,
    ],
    'an unknown path': [() => server.call('GET', '/nowhere'), 404, 'NotFound', /could not find the requested resource/],
    'an unknown kind': [() => server.call('GET', '/apis/apps/v1/deployments'), 404, 'NotFound', /could not find/],
    'a malformed escape': [() => server.call('GET', '/api/v1/%zz'), 404, 'NotFound', /could not find/],
    'a missing object': [() => server.call('GET', `${PODS}/none`), 404, 'NotFound', /pods "none" not found/],
    'a method that makes no sense': [() => server.call('PUT', PODS, { body: {} }), 405, 'MethodNotAllowed', /PUT/],
    'protobuf only': [
      () => server.call('GET', PODS, { headers: { accept: 'application/vnd.kubernetes.protobuf' } }),
      406,
      'NotAcceptable',
      /application\/json/,
    ],
    'JSON that breaks off, with the place': [
      () => server.call('POST', PODS, { body: '{"kind": "Pod",\n "metadata": {' }),
      400,
      'BadRequest',
      /not valid JSON.*line 2 column/,
    ],
    'malformed YAML, with the place': [
      () =>
        server.call('POST', PODS, {
          body: 'kind: Pod\nmetadata: {name: x\n',
          headers: { 'content-type': 'application/yaml' },
        }),
      400,
      'BadRequest',
      /not valid YAML.*line 3/s,
    ],
    'a body of another kind': [
      () => server.call('POST', PODS, { body: configMap('x') }),
      400,
      'BadRequest',
      /kind is "ConfigMap", but Pod was expected/,
    ],
    'another namespace than the path has': [
      () => server.call('POST', CONFIG_MAPS, { body: { metadata: { name: 'x', namespace: 'other' } } }),
      400,
      'BadRequest',
      /namespace of the provided object \(other\) does not match/,
    ],
    'a list as body': [() => server.call('POST', PODS, { body: '[]' }), 400, 'BadRequest', /not an object/],
    'no body': [() => server.call('POST', PODS), 400, 'BadRequest', /no body/],
    'a media type nobody knows': [
      () => server.call('POST', PODS, { body: '<pod/>', headers: { 'content-type': 'application/xml' } }),
      415,
      'UnsupportedMediaType',
      /application\/json/,
    ],
    'a body over 3 MiB': [
      () => server.call('POST', CONFIG_MAPS, { body: configMap('big', { x: 'x'.repeat(3 * 1024 * 1024) }) }),
      413,
      'RequestEntityTooLarge',
      /larger than 3145728 bytes/,
    ],
    'a namespace that is not there': [
      () => server.call('POST', '/api/v1/namespaces/nope/configmaps', { body: configMap('x') }),
      404,
      'NotFound',
      /namespaces "nope" not found/,
    ],
    'a limit that is no number': [
      () => server.call('GET', `${PODS}?limit=many`),
      400,
      'BadRequest',
      /limit must be a whole number/,
    ],
    'a label selector that cannot be read': [
      () => server.call('GET', `${PODS}?labelSelector=${encodeURIComponent('a in (')}`),
      400,
      'BadRequest',
      /selector/i,
    ],
    'dryRun other than All': [
      () => server.call('POST', `${CONFIG_MAPS}?dryRun=Some`, { body: configMap('x') }),
      400,
      'BadRequest',
      /dryRun must be All/,
    ],
    'server-side apply': [
      () =>
        server.call('PATCH', `${CONFIG_MAPS}/x?fieldManager=me`, {
          body: '{}',
          headers: { 'content-type': 'application/apply-patch+yaml' },
        }),
      415,
      'UnsupportedMediaType',
      /apply without --server-side/,
    ],
    'exec into a container': [() => server.call('POST', `${PODS}/x/exec`), 501, 'Unknown', /does not serve pods\/exec/],
    'a watch from a version that is long gone or never was': [
      () => server.call('GET', `${PODS}?watch=true&resourceVersion=99999999`),
      504,
      'Timeout',
      /resource ?version/i,
    ],
  };
  for (const [name, [call, code, reason, message]] of Object.entries(REFUSED)) {
    test(`refuses ${name} with ${code} ${reason}`, async () => assertStatus(await call(), code, reason, message));
  }

  test('health and version answer without a token', async () => {
    for (const path of ['/healthz', '/livez', '/readyz']) {
      const answer = await server.call('GET', path, { headers: { authorization: '' } });
      assert.deepEqual([answer.status, answer.text], [200, 'ok']);
    }
    assert.match((await server.call('GET', '/version')).body.gitVersion, /^v1\.35\./);
  });

  test('creates, reads, replaces, patches in three ways and deletes an object', async () => {
    const created = await server.call('POST', CONFIG_MAPS, { body: configMap('life', { a: '1' }) });
    assert.equal(created.status, 201);
    const path = `${CONFIG_MAPS}/life`;
    const replaced = await server.call('PUT', path, { body: { ...created.body, data: { a: '2' } } });
    assert.equal(replaced.body.data.a, '2');
    const stale = await server.call('PUT', path, { body: { ...created.body, data: { a: '3' } } });
    assertStatus(stale, 409, 'Conflict', /modified/);
    const merged = await server.call('PATCH', path, { body: { data: { b: '3', a: null } }, headers: MERGE_PATCH });
    assert.deepEqual(merged.body.data, { b: '3' });
    const test = { op: 'test', path: '/data/b', value: '3' };
    const operations = [test, { op: 'add', path: '/data/c', value: '4' }];
    const patched = await server.call('PATCH', path, { body: operations, headers: JSON_PATCH });
    assert.deepEqual(patched.body.data, { b: '3', c: '4' });
    const failed = await server.call('PATCH', path, { body: [{ ...test, value: 'x' }], headers: JSON_PATCH });
    assertStatus(failed, 422, 'Invalid', /testing value \/data\/b failed/);
    const strategic = { data: { $patch: 'replace', d: '5' } };
    const last = await server.call('PATCH', path, { body: strategic, headers: STRATEGIC });
    assert.deepEqual(last.body.data, { d: '5' });
    const conflicting = { metadata: { resourceVersion: created.body.metadata.resourceVersion }, data: {} };
    assertStatus(await server.call('PATCH', path, { body: conflicting, headers: MERGE_PATCH }), 409, 'Conflict', /./);
    const kept = { preconditions: { uid: 'another' } };
    assertStatus(await server.call('DELETE', path, { body: kept }), 409, 'Conflict', /./);
    assert.equal((await server.call('DELETE', path)).status, 200);
    assert.equal((await server.call('GET', path)).status, 404);
  });

  test('a strategic merge patch merges containers by name', async () => {
    await server.call('POST', PODS, {
      body: pod('smp', {
        containers: [
          { name: 'a', image: '1' },
          { name: 'b', image: '1' },
        ],
      }),
    });
    const body = { spec: { containers: [{ name: 'b', image: '2' }] } };
    const { body: patched } = await server.call('PATCH', `${PODS}/smp`, { body, headers: STRATEGIC });
    assert.deepEqual(
      patched.spec.containers.map((one: { name: string; image: string }) => [one.name, one.image]),
      [
        ['a', '1'],
        ['b', '2'],
      ],
    );
  });

  test('dryRun answers as if, and stores nothing', async () => {
    const answer = await server.call('POST', `${CONFIG_MAPS}?dryRun=All`, { body: configMap('dry') });
    assert.equal(answer.status, 201);
    assert.equal((await server.call('GET', `${CONFIG_MAPS}/dry`)).status, 404);
  });

  test('an unknown field is refused when strict, warned of by default, and dropped in both cases', async () => {
    const body = pod('strict', { containers: [{ name: 'main', image: 'x', imagee: 'y' }] });
    const refused = await server.call('POST', `${PODS}?fieldValidation=Strict`, { body });
    assertStatus(refused, 400, 'BadRequest', /unknown field "spec.containers\[0\].imagee"/);
    const warned = await server.call('POST', PODS, { body });
    assert.equal(warned.status, 201);
    assert.match(String(warned.headers.warning), /299 - "unknown field \\"spec.containers\[0\].imagee\\""/);
    assert.equal(warned.body.spec.containers[0].imagee, undefined);
    const silent = await server.call('POST', `${PODS}?fieldValidation=Ignore`, { body: pod('silent', { nope: 1 }) });
    assert.equal(silent.headers.warning, undefined);
  });

  test('a wrong unit is refused with the field and what would be accepted', async () => {
    const resources = { requests: { memory: '2Gb' } };
    const body = pod('units', { containers: [{ name: 'main', image: 'x', resources }] });
    const answer = await server.call('POST', PODS, { body });
    assertStatus(answer, 422, 'Invalid', /spec\.containers\[0\]\.resources\.requests\[?\.?"?memory"?\]?.*2Gb.*Gi/s);
    assert.match(answer.body.details.causes[0].field, /memory/);
  });

  test('a YAML body is taken, and YAML is given when asked for', async () => {
    const body = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: yaml\ndata:\n  a: "1"\n';
    const headers = { 'content-type': 'application/yaml', accept: 'application/yaml' };
    const answer = await server.call('POST', CONFIG_MAPS, { body, headers });
    assert.equal(answer.status, 201);
    assert.equal(answer.headers['content-type'], 'application/yaml');
    assert.match(answer.text, /^data:\n {2}a: "1"$/m);
  });

  test('lists go by pages, and selectors pick', async () => {
    for (const name of ['page-1', 'page-2', 'page-3']) {
      await server.call('POST', CONFIG_MAPS, {
        body: { metadata: { name, labels: { paged: 'yes' } } },
      });
    }
    const names: string[] = [];
    let token = '';
    do {
      const { body } = await server.call('GET', `${CONFIG_MAPS}?labelSelector=paged&limit=2&continue=${token}`);
      assert.equal(body.kind, 'ConfigMapList');
      names.push(...body.items.map((item: { metadata: { name: string } }) => item.metadata.name));
      token = encodeURIComponent(body.metadata.continue ?? '');
    } while (token !== '');
    assert.deepEqual(names, ['page-1', 'page-2', 'page-3']);
    const one = await server.call('GET', `${CONFIG_MAPS}?fieldSelector=metadata.name%3Dpage-2`);
    assert.equal(one.body.items.length, 1);
    const removed = await server.call('DELETE', `${CONFIG_MAPS}?labelSelector=paged`);
    assert.equal(removed.body.items.length, 3);
    assert.equal((await server.call('GET', `${CONFIG_MAPS}?labelSelector=paged`)).body.items.length, 0);
  });

  test('tables carry the columns of the kind; metadata alone can be had', async () => {
    await server.call('POST', PODS, { body: pod('tabled') });
    const { body } = await server.call('GET', `${PODS}/tabled`, { headers: TABLE });
    assert.equal(body.kind, 'Table');
    const names = body.columnDefinitions.filter((one: { priority: number }) => one.priority === 0);
    assert.deepEqual(
      names.map((one: { name: string }) => one.name),
      ['Name', 'Ready', 'Status', 'Restarts', 'Age'],
    );
    assert.deepEqual(body.rows[0].cells.slice(0, 3), ['tabled', '0/1', 'Pending']);
    assert.equal(body.rows[0].object.kind, 'PartialObjectMetadata');
    const accept = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
    const partial = await server.call('GET', PODS, { headers: { accept } });
    assert.equal(partial.body.kind, 'PartialObjectMetadataList');
    assert.equal(partial.body.items[0].spec, undefined);
  });

  test('a watch sends what is there, then every change, and ends when its time is over', async () => {
    await server.call('POST', CONFIG_MAPS, { body: { metadata: { name: 'w1', labels: { w: '1' } } } });
    const stream = await server.open('GET', `${CONFIG_MAPS}?watch=true&labelSelector=w&timeoutSeconds=1`);
    assert.equal(stream.statusCode, 200);
    const seen: string[] = [];
    for await (const { type, object } of linesOf(stream)) {
      const { name } = (object as unknown as { metadata: { name: string } }).metadata;
      seen.push(`${type} ${name}`);
      if (seen.length === 1)
        await server.call('POST', CONFIG_MAPS, { body: { metadata: { name: 'w2', labels: { w: '1' } } } });
      if (seen.length === 2) await server.call('DELETE', `${CONFIG_MAPS}/w1`);
    }
    assert.deepEqual(seen, ['ADDED w1', 'ADDED w2', 'DELETED w1']);
  });

  test('a watch-list marks the end of what was there', async () => {
    const query = 'watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
    const aborted = new AbortController();
    const stream = await server.open('GET', `/api/v1/namespaces?${query}`, { signal: aborted.signal });
    const types: string[] = [];
    for await (const { type, object } of linesOf(stream)) {
      types.push(type);
      if (type !== 'BOOKMARK') continue;
      const { metadata } = object as unknown as { metadata: { annotations: Record<string, string> } };
      assert.equal(metadata.annotations['k8s.io/initial-events-end'], 'true');
      break;
    }
    assert.ok(types.length >= 5);
    aborted.abort();
  });

  test('a watch as table sends tables', async () => {
    const stream = await server.open('GET', '/api/v1/namespaces/default?watch=true', { headers: TABLE });
    const first = await linesOf(stream).next();
    assert.equal(first.value.object.kind, 'Table');
    stream.destroy();
  });

  test('a client that breaks off in the middle of a body or a watch harms nobody', async () => {
    for (let round = 0; round < 20; round++) {
      const stream = await server.open('GET', `${PODS}?watch=true&resourceVersion=`);
      stream.destroy();
      const controller = new AbortController();
      const call = server.call('POST', CONFIG_MAPS, { body: configMap('cut'), signal: controller.signal });
      controller.abort();
      await assert.rejects(call);
    }
    const raw = connect(Number(new URL(server.url).port), '127.0.0.1');
    raw.write('GET / HTTP/1.1\r\nnot tls\r\n\r\n');
    await once(raw, 'close');
    assert.equal((await server.call('GET', '/healthz')).status, 200);
  });

  test('a binding needs a node, binds once, and respects the UID', async () => {
    const { body } = await server.call('POST', PODS, { body: pod('bound') });
    const binding = {
      kind: 'Binding',
      metadata: { name: 'bound', uid: 'wrong' },
      target: { kind: 'Node', name: 'n1' },
    };
    const path = `${PODS}/bound/binding`;
    assertStatus(await server.call('POST', path, { body: { kind: 'Binding' } }), 422, 'Invalid', /target/);
    assertStatus(await server.call('POST', path, { body: binding }), 409, 'Conflict', /./);
    const right = { ...binding, metadata: { name: 'bound', uid: body.metadata.uid } };
    assert.equal((await server.call('POST', path, { body: right })).status, 201);
    assertStatus(await server.call('POST', path, { body: right }), 409, 'Conflict', /already/);
    assert.equal((await server.call('GET', `${PODS}/bound`)).body.spec.nodeName, 'n1');
  });

  test('an eviction deletes a pod, and is refused when a budget forbids it', async () => {
    await server.call('POST', PODS, { body: pod('evicted') });
    const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
    await server.call('PATCH', `${PODS}/evicted/status`, { body: { status }, headers: MERGE_PATCH });
    const spec = { minAvailable: 1, selector: { matchLabels: { app: 'evicted' } } };
    const budgets = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';
    await server.call('POST', budgets, { body: { metadata: { name: 'b' }, spec } });
    const eviction = { kind: 'Eviction', metadata: { name: 'evicted' } };
    const refused = await server.call('POST', `${PODS}/evicted/eviction`, { body: eviction });
    assertStatus(refused, 429, 'TooManyRequests', /disruption budget/);
    await server.call('DELETE', `${budgets}/b`);
    assert.equal((await server.call('POST', `${PODS}/evicted/eviction`, { body: eviction })).status, 201);
  });

  test('events can be written and read in both groups', async () => {
    const events = '/apis/events.k8s.io/v1/namespaces/default/events';
    const event = {
      metadata: { name: 'e1' },
      eventTime: '2026-01-01T00:00:00.000000Z',
      regarding: { kind: 'Pod', name: 'x', namespace: 'default' },
      note: 'said so',
      reason: 'Because',
      action: 'Testing',
      type: 'Normal',
      reportingController: 'test',
      reportingInstance: 'test-1',
    };
    const created = await server.call('POST', `${events}?fieldValidation=Strict`, { body: event });
    assert.equal(created.status, 201, created.text);
    assert.equal(created.body.apiVersion, 'events.k8s.io/v1');
    assert.equal(created.body.note, 'said so');
    const core = await server.call('GET', '/api/v1/namespaces/default/events/e1');
    assert.equal(core.body.message, 'said so');
    assert.equal(core.body.involvedObject.name, 'x');
    const selected = await server.call('GET', `${events}?fieldSelector=regarding.name%3Dx`);
    assert.equal(selected.body.items[0].regarding.kind, 'Pod');
    assert.equal(selected.body.apiVersion, 'events.k8s.io/v1');
    const patch = { body: { note: 'again' }, headers: MERGE_PATCH };
    assert.equal((await server.call('PATCH', `${events}/e1`, patch)).body.note, 'again');
  });

  test('reviews say that the holder of the token may do everything', async () => {
    const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
    const { body } = await server.call('POST', path, { body: { spec: { resourceAttributes: { verb: 'get' } } } });
    assert.equal(body.status.allowed, true);
  });

  test('a custom kind is served, described and validated as soon as it is defined', async () => {
    const schema = {
      type: 'object',
      properties: { spec: { type: 'object', properties: { size: { type: 'integer', minimum: 1 } } } },
    };
    const version = { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } };
    const columns = [{ name: 'Size', type: 'integer', jsonPath: '.spec.size' }];
    const definition = {
      metadata: { name: 'gauges.example.org' },
      spec: {
        group: 'example.org',
        scope: 'Namespaced',
        names: { plural: 'gauges', singular: 'gauge', kind: 'Gauge' },
        versions: [{ ...version, additionalPrinterColumns: columns }],
      },
    };
    const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    assert.equal((await server.call('POST', crds, { body: definition })).status, 201);
    const gauges = '/apis/example.org/v1/namespaces/default/gauges';
    const created = await server.call('POST', gauges, { body: { metadata: { name: 'g' }, spec: { size: 2 } } });
    assert.equal(created.status, 201, created.text);
    const refused = await server.call('POST', gauges, { body: { metadata: { name: 'h' }, spec: { size: 0 } } });
    assertStatus(refused, 422, 'Invalid', /spec\.size/);
    const table = await server.call('GET', gauges, { headers: TABLE });
    assert.deepEqual(table.body.rows[0].cells, ['g', 2]);
    const groups = (await server.call('GET', '/apis')).body.groups.map((one: { name: string }) => one.name);
    assert.ok(groups.includes('example.org'));
    const index = (await server.call('GET', '/openapi/v3')).body.paths;
    const document = await server.call('GET', index['apis/example.org/v1'].serverRelativeURL);
    assert.equal(document.headers['cache-control'], 'public, immutable, max-age=31536000');
    assert.ok(document.body.components.schemas['org.example.v1.Gauge']);
    const strategic = await server.call('PATCH', `${gauges}/g`, { body: {}, headers: STRATEGIC });
    assertStatus(strategic, 415, 'UnsupportedMediaType', /merge-patch/);
    await server.call('DELETE', `${crds}/gauges.example.org`);
    assert.equal((await server.call('GET', gauges)).status, 404);
  });

  test('logs come from the node process, streamed; without it the error says what to do', async () => {
    await server.call('POST', PODS, { body: pod('logged', { nodeName: 'n1' }) });
    const away = await server.call('GET', `${PODS}/logged/log`);
    assertStatus(away, 503, 'ServiceUnavailable', /node n1 does not answer on .*nodes\.sock/);
    const asked: string[] = [];
    const node = createServer((request, response) => {
      asked.push(request.url ?? '');
      if (request.url?.includes('previous')) response.writeHead(400).end('previous terminated container not found');
      else response.end('line 1\nline 2\n');
    });
    node.listen(join(server.directory, 'nodes.sock'));
    await once(node, 'listening');
    try {
      const answer = await server.call('GET', `${PODS}/logged/log?follow=true&tailLines=2&container=main`);
      assert.equal(answer.text, 'line 1\nline 2\n');
      assert.deepEqual(asked, ['/containerLogs/default/logged/main?follow=true&tailLines=2']);
      const refused = await server.call('GET', `${PODS}/logged/log?previous=true`);
      assertStatus(refused, 400, 'BadRequest', /previous terminated container not found/);
      const unknown = await server.call('GET', `${PODS}/logged/log?container=nope`);
      assertStatus(unknown, 400, 'BadRequest', /container nope is not valid.*choose one of: \[main\]/);
    } finally {
      node.close();
    }
    server.complaints.length = 0; // the node that was away is complained about, rightly
  });
});

test('a restarted server has the same address, objects and versions, and watches go on', async () => {
  const first = await TestServer.start();
  const { body } = await first.call('POST', CONFIG_MAPS, { body: configMap('kept', { a: '1' }) });
  const watching = await first.open(
    'GET',
    `${CONFIG_MAPS}?watch=true&resourceVersion=${body.metadata.resourceVersion}`,
  );
  const ended = once(watching.resume(), 'close');
  await first.stop();
  await ended;
  await using second = await TestServer.start(first.directory);
  assert.equal(second.url, first.url);
  assert.equal(second.token, first.token);
  assert.deepEqual((await second.call('GET', `${CONFIG_MAPS}/kept`)).body, body);
  await second.call('PATCH', `${CONFIG_MAPS}/kept`, { body: { data: { a: '2' } }, headers: MERGE_PATCH });
  const stream = await second.open('GET', `${CONFIG_MAPS}?watch=true&resourceVersion=${body.metadata.resourceVersion}`);
  const event = await linesOf(stream).next();
  assert.equal(event.value.type, 'MODIFIED');
  assert.ok(Number(event.value.object.metadata.resourceVersion) > Number(body.metadata.resourceVersion));
  stream.destroy();
});

test('a port that somebody else has is refused with what to do about it', async () => {
  const first = await TestServer.start();
  await first.stop();
  const intruder = createServer().listen(Number(new URL(first.url).port), '127.0.0.1');
  await once(intruder, 'listening');
  try {
    await assert.rejects(TestServer.start(first.directory), /port \d+ on 127\.0\.0\.1.* is taken/);
  } finally {
    intruder.close();
    await once(intruder, 'close');
  }
  await using again = await TestServer.start(first.directory);
  assert.equal(again.url, first.url);
});
