import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { SystemClock, seededRandom } from '../src/clock/index.ts';
import { EVENTS, isConditionTrue, NODES, PODS, type Pod, SILENT_LOG } from '../src/model/index.ts';
import { SandboxApiServer } from '../src/sandbox/index.ts';
import { type Kubectl, kubectlBinaries } from './kubectl-binaries.ts';

/** One command and what a user sees. In `args` and `stdin`, NS is the namespace of the run. */
interface Step {
  args: string;
  stdin?: string;
  /** What standard output must match; every one. */
  out?: RegExp | RegExp[];
  /** What standard error must match; without it, it must be empty. */
  err?: RegExp;
  /** Default 0. */
  status?: number;
  /** Only with this kubectl. */
  only?: string;
  /** It does not end by itself: interrupted as soon as it has printed what it must. */
  endless?: true;
  /** Done while the command runs, once it has printed something. */
  meanwhile?: (registry: Registry, namespace: string) => Promise<unknown>;
  /** Done before the command. */
  first?: (registry: Registry, namespace: string) => Promise<unknown>;
}

type Registry = NonNullable<SandboxApiServer['registry']>;

const POD = `apiVersion: v1
kind: Pod
metadata:
  name: web
  labels: {app: web}
spec:
  containers:
  - name: main
    image: busybox:1.36
    command: [sleep, "100"]
    env: [{name: A, value: "1"}]
    resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {memory: 128Mi}}
`;
const CRD = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gauges.NS.example.org}
spec:
  group: NS.example.org
  scope: Namespaced
  names: {plural: gauges, singular: gauge, kind: Gauge, shortNames: [gg]}
  versions:
  - name: v1
    served: true
    storage: true
    additionalPrinterColumns: [{name: Size, type: integer, jsonPath: .spec.size}]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            description: What the gauge shows.
            properties: {size: {type: integer, minimum: 1, description: How big it is.}}
`;
const GAUGE = 'apiVersion: NS.example.org/v1\nkind: Gauge\nmetadata: {name: g1}\nspec: {size: 3}\n';

/** As the node would write it. */
async function runs(registry: Registry, namespace: string): Promise<void> {
  const status = {
    phase: 'Running',
    conditions: [{ type: 'Ready', status: 'True' }],
    containerStatuses: [
      {
        name: 'main',
        image: 'busybox:1.36',
        imageID: 'sha256:1',
        ready: true,
        restartCount: 0,
        state: { running: { startedAt: '2026-01-01T00:00:00Z' } },
      },
    ],
  };
  await registry.patch(PODS, { namespace, name: 'web' }, { status }, { subresource: 'status' });
}

async function bound(registry: Registry, namespace: string): Promise<void> {
  const { metadata } = await registry.get(PODS, { namespace, name: 'web' });
  await registry.bind({ namespace, name: 'web', uid: metadata.uid }, 'n1');
  await registry.create(EVENTS, {
    metadata: { name: 'web.1', namespace },
    involvedObject: { kind: 'Pod', namespace, name: 'web', uid: metadata.uid, apiVersion: 'v1' },
    reason: 'Scheduled',
    message: 'assigned web to n1',
    type: 'Normal',
    count: 1,
    firstTimestamp: '2026-01-01T00:00:00Z',
    lastTimestamp: '2026-01-01T00:00:00Z',
    source: { component: 'fermata-scheduler' },
  });
}

/** In this order, each on what the ones before it left. */
const STORY: Record<string, Step> = {
  'finds out the versions without complaint': { args: 'version', out: /v1\.35\.0\+fermata/ },
  'lists what is served': {
    args: 'api-resources',
    out: [/^pods +po +v1 +true +Pod$/m, /^podcheckpoints +pcp +fermata\.dev\/v1alpha1 +true +PodCheckpoint$/m],
  },
  'lists versions': { args: 'api-versions', out: /^fermata\.dev\/v1alpha1$/m },
  'creates a namespace': { args: 'create namespace NS', out: /^namespace\/NS created$/m },
  'explains a field': {
    args: 'explain pod.spec.containers',
    out: [/containers <\[\]/, /^ +imagePullPolicy\s+<string>$/m],
  },
  'explains a field of Fermata': {
    args: 'explain podcheckpoint.spec.postCheckpointState',
    out: [/postCheckpointState/, /never runs again/],
  },
  'refuses to explain what is not there': {
    args: 'explain pod.spec.nothing',
    status: 1,
    err: /field "nothing" does not exist/,
  },
  'refuses an unknown field when applying': {
    args: 'apply -f -',
    stdin: POD.replace('image:', 'imagee: x\n    image:'),
    status: 1,
    err: /unknown field "(spec\.containers\[0\]\.)?imagee"/,
  },
  'refuses a wrong unit with the field and what is accepted': {
    args: 'apply -f -',
    stdin: POD.replace('64Mi', '2Gb'),
    status: 1,
    err: /spec\.containers\[0\]\.resources\.requests.*"?2Gb"?.*Gi/s,
  },
  'refuses malformed YAML': { args: 'apply -f -', stdin: 'kind: Pod\n  metadata: {', status: 1, err: /yaml: line 2/ },
  'refuses malformed JSON': {
    args: 'create -f -',
    stdin: '{"kind": "Pod", "metadata": {"name": "web"',
    status: 1,
    err: /error parsing|unexpected E(OF|nd)|yaml: line 1/i,
  },
  'shows what it would apply': {
    args: 'apply -f - --dry-run=server',
    stdin: POD,
    out: /^pod\/web created \(server dry run\)$/m,
  },
  'applies a pod': { args: 'apply -f -', stdin: POD, out: /^pod\/web created$/m },
  'applies the same again': { args: 'apply -f -', stdin: POD, out: /^pod\/web unchanged$/m },
  'applies a change of a label': {
    args: 'apply -f -',
    stdin: POD.replace('{app: web}', '{app: web, tier: front}'),
    out: /^pod\/web configured$/m,
  },
  'refuses to change what is immutable': {
    args: 'apply -f -',
    stdin: POD.replace('sleep, "100"', 'sleep, "200"'),
    status: 1,
    err: /Forbidden: pod updates may not change fields/,
  },
  'refuses to create it twice': {
    args: 'create -f -',
    stdin: POD,
    status: 1,
    err: /\(AlreadyExists\).*"web" already exists/,
  },
  'shows a pod that waits': {
    args: 'get pods',
    out: /^NAME +READY +STATUS +RESTARTS +AGE\nweb +0\/1 +Pending +0 +\d+s$/m,
  },
  'shows a pod with its node': {
    first: bound,
    args: 'get pod web -o wide',
    out: [/NODE +NOMINATED NODE +READINESS GATES$/m, /^web .* n1 +<none> +<none>$/m],
  },
  'sees it ready while watching': {
    args: 'get pods -w',
    endless: true,
    meanwhile: runs,
    out: [/^web +0\/1 +Pending/m, /^web +1\/1 +Running/m],
  },
  'waits for a condition': {
    args: 'wait --for=condition=Ready pod/web --timeout=5s',
    out: /^pod\/web condition met$/m,
  },
  'prints YAML': { args: 'get pod web -o yaml', out: [/^ {4}app: web$/m, /^ {2}phase: Running$/m] },
  'prints JSON': { args: 'get pod web -o json', out: /"kind": "Pod"/ },
  'prints by JSONPath': { args: 'get pod web -o jsonpath={.spec.nodeName}/{.status.phase}', out: /^n1\/Running$/ },
  'prints names': { args: 'get pods -o name', out: /^pod\/web$/m },
  'prints own columns': {
    args: 'get pods -o custom-columns=N:.metadata.name,I:.spec.containers[0].image',
    out: /^web +busybox:1\.36$/m,
  },
  'selects by label and shows labels': {
    args: 'get pods -l tier=front -L app --show-labels',
    out: /^web .* web +app=web,tier=front$/m,
  },
  'selects by field': { args: 'get pods --field-selector spec.nodeName=n2', err: /No resources found in NS namespace/ },
  sorts: { args: 'get pods --sort-by=.metadata.name', out: /^web/m },
  'shows all namespaces': { args: 'get pods -A', out: /^NS +web/m },
  'shows a category': { args: 'get all', out: /web +1\/1/ },
  'describes a pod': {
    args: 'describe pod web',
    out: [/^Name: +web$/m, /^Node: +n1\/?/m, /memory: +64Mi/, /Scheduled .*fermata-scheduler +assigned web to n1/],
  },
  'describes a node': {
    args: 'describe node n1',
    out: [/^ +Ready +True/m, /NS +web +100m \(5%\)/, /Lease:/, /cpu +\d+m \(\d+%\)/],
  },
  'shows nodes': { args: 'get nodes -o wide', out: /^n1 +Ready +<none> +\S+ +v1\.35\.0 +127\.0\.0\.1/m },
  'shows events': { args: 'get events', out: /Normal +Scheduled +pod\/web +assigned web to n1/ },
  'shows the events of one object': {
    args: 'events --for pod/web',
    only: '1.35',
    out: /Scheduled +Pod\/web +assigned web/,
  },
  'patches by strategic merge': {
    args: `patch pod web -p {"spec":{"containers":[{"name":"main","image":"busybox:1.37"}]}}`,
    out: /^pod\/web patched$/m,
  },
  'patches by JSON merge': {
    args: `patch pod web --type=merge -p {"metadata":{"labels":{"tier":"back"}}}`,
    out: /patched$/m,
  },
  'patches by JSON patch': {
    args: `patch pod web --type=json -p [{"op":"test","path":"/metadata/labels/tier","value":"back"},{"op":"add","path":"/metadata/labels/x","value":"y"}]`,
    out: /patched$/m,
  },
  'says which test of a JSON patch failed': {
    args: `patch pod web --type=json -p [{"op":"test","path":"/metadata/labels/tier","value":"no"}]`,
    status: 1,
    err: /testing value \/metadata\/labels\/tier failed/,
  },
  'shows that all of it holds': {
    args: 'get pod web -o jsonpath={.spec.containers[*].image},{.spec.containers[0].env[0].name},{.metadata.labels.tier}{.metadata.labels.x}',
    out: /^busybox:1\.37,A,backy$/,
  },
  'labels and unlabels': { args: 'label pod web x- z=1', out: /^pod\/web (labeled|unlabeled)$/m },
  'refuses to overwrite a label unasked': { args: 'label pod web z=2', status: 1, err: /already has a value \(1\)/ },
  annotates: { args: 'annotate pod web note=hello', out: /^pod\/web annotated$/m },
  'reads the log': { args: 'logs web', out: /^line 1\nline 2\n$/ },
  'follows the log to its end': { args: 'logs -f web --tail=1', out: /^line 2\nline 3\n$/ },
  'says which containers there are': {
    args: 'logs web -c nope',
    status: 1,
    err: /container nope is not valid for pod web/,
  },
  'says that exec is not served': {
    args: 'exec web -- true',
    status: 1,
    err: /the sandbox does not serve pods\/exec|exec/,
  },
  'asks what is allowed': { args: 'auth can-i create pods', out: /^yes$/m },
  'asks who one is': { args: 'auth whoami', only: '1.35', out: /fermata-admin/ },
  'creates a ConfigMap and a Secret': {
    args: 'create configmap settings --from-literal=a=1',
    out: /^configmap\/settings created$/m,
  },
  replaces: {
    args: 'replace -f -',
    stdin: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: "2"}\n',
    out: /^configmap\/settings replaced$/m,
  },
  'shows the table of a ConfigMap': { args: 'get cm settings', out: /^NAME +DATA +AGE\nsettings +1/m },
  'creates a PriorityClass': { args: 'create priorityclass NS --value=1000 --description=x', out: /created$/m },
  'taints and cordons a node': { args: 'taint node n1 k-NS=v:NoSchedule', out: /^node\/n1 tainted$/m },
  'reads raw paths': { args: 'get --raw /readyz', out: /^ok$/ },
  'defines a kind': { args: 'apply -f -', stdin: CRD, out: /created$/m },
  'waits until it is established': {
    args: 'wait --for=condition=Established crd/gauges.NS.example.org --timeout=5s',
    out: /condition met/,
  },
  'applies an object of that kind': { args: 'apply -f -', stdin: GAUGE, out: /^gauge\.NS\.example\.org\/g1 created$/m },
  'changes it': { args: 'apply -f -', stdin: GAUGE.replace('3', '4'), out: /configured$/m },
  'refuses a value its schema forbids': {
    args: 'apply -f -',
    stdin: GAUGE.replace('3', '0'),
    status: 1,
    err: /spec\.size.*should be (>=|greater than or equal to) 1/s,
  },
  'shows its columns by its short name': { args: 'get gg', out: /^NAME +SIZE\ng1 +4$/m },
  'explains it': { args: 'explain gauges.spec', out: [/What the gauge shows/, /size\s+<integer>/] },
  'deletes a kind with its objects': {
    args: 'delete crd gauges.NS.example.org',
    out: /^customresourcedefinition\.apiextensions\.k8s\.io "gauges\.NS\.example\.org" deleted$/m,
  },
  'finds that nobody serves it any more': {
    args: 'get gg',
    status: 1,
    err: /doesn't have a resource type "gg"|could not find the requested resource/,
  },
  'creates an InterruptionPolicy': {
    args: 'apply -f -',
    stdin:
      'apiVersion: fermata.dev/v1alpha1\nkind: InterruptionPolicy\nmetadata: {name: p}\nspec: {onPreemption: Checkpoint}\n',
    out: /^interruptionpolicy\.fermata\.dev\/p created$/m,
  },
  'refuses an unknown choice with the choices': {
    args: 'apply -f -',
    stdin:
      'apiVersion: fermata.dev/v1alpha1\nkind: InterruptionPolicy\nmetadata: {name: q}\nspec: {onPreemption: Explode}\n',
    status: 1,
    err: /spec\.onPreemption.*"Checkpoint"/s,
  },
  'refuses a wrong unit in a policy with the field and what is accepted': {
    args: 'apply -f -',
    stdin:
      'apiVersion: fermata.dev/v1alpha1\nkind: InterruptionPolicy\nmetadata: {name: q}\nspec: {maxCheckpointSize: 2Gb}\n',
    status: 1,
    err: /spec\.maxCheckpointSize.*2Gb/s,
  },
  'evicts by draining a node': {
    args: 'drain n1 --force --pod-selector=tier=back --grace-period=1 --timeout=10s',
    out: [/^node\/n1 (already )?cordoned$/m, /pod\/web evicted/],
    err: /warning: deleting Pods/i,
  },
  'lets pods onto it again': { args: 'uncordon n1', out: /^node\/n1 uncordoned$/m },
  'sees that the pod is gone': { args: 'get pod web --ignore-not-found', out: /^$/ },
  'applies the pod anew': { args: 'apply -f -', stdin: POD, out: /^pod\/web created$/m },
  'deletes with a grace period and waits until the node has let go': {
    args: 'delete pod web --grace-period=5',
    out: /^pod "web" deleted/m,
  },
  'finds it gone': { args: 'get pod web', status: 1, err: /\(NotFound\): pods "web" not found/ },
  'deletes by file, and does not mind what is gone': {
    args: 'delete -f - --ignore-not-found',
    stdin: POD,
  },
  'deletes a namespace with all in it': { args: 'delete namespace NS', out: /^namespace "NS" deleted/m },
};

/** Steps run in no namespace of their own: the namespace exists only between two of them. */
const CLUSTER_WIDE = /^(create namespace|delete (namespace|crd)|version|api-|explain|get --raw|auth whoami)/;

describe('kubectl', async () => {
  const binaries = await kubectlBinaries();
  let directory: string;
  let server: SandboxApiServer;
  let kubelet: FakeKubelet;
  let kubeconfig: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'fermata-kubectl-'));
    const nodeSocket = join(directory, 'nodes.sock');
    server = new SandboxApiServer(
      { clock: new SystemClock(), random: seededRandom(1), log: SILENT_LOG },
      { directory, nodeSocket },
    );
    ({ kubeconfigPath: kubeconfig } = await server.start());
    const { registry } = server;
    assert.ok(registry);
    kubelet = new FakeKubelet(registry);
    await kubelet.start(nodeSocket);
  });
  after(async () => {
    await kubelet.stop();
    await server.stop();
    await rm(directory, { recursive: true });
  });

  for (const binary of binaries) {
    describe(binary.version, { skip: 'missing' in binary && `no kubectl ${binary.version}: ${binary.missing}` }, () => {
      for (const [name, step] of Object.entries(STORY)) {
        if (step.only !== undefined && step.only !== binary.version) continue;
        test(`${binary.version} ${name}: kubectl ${step.args}`, async () => {
          const { registry } = server;
          assert.ok(registry);
          await runStep(binary, step, { registry, kubeconfig, home: directory });
        });
      }
    });
  }
});

async function runStep(
  binary: Kubectl,
  step: Step,
  { registry, kubeconfig, home }: { registry: Registry; kubeconfig: string; home: string },
): Promise<void> {
  assert.ok('path' in binary);
  const namespace = `v${binary.version.replace('.', '-')}`;
  const inNamespace = (text: string): string => text.replaceAll('NS', namespace);
  await step.first?.(registry, namespace);
  const place = CLUSTER_WIDE.test(step.args) ? [] : ['--namespace', namespace];
  const [command = '', ...rest] = inNamespace(step.args).split(' ');
  const args = ['--kubeconfig', kubeconfig, command, ...place, ...rest];
  const child = spawn(binary.path, args, { env: { HOME: home, PATH: '/usr/bin:/bin' }, timeout: 20_000 });
  let out = '';
  let err = '';
  let isMeanwhileDone = step.meanwhile === undefined;
  const wanted = [step.out ?? []].flat().map((pattern) => placed(pattern, namespace));
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    if (step.endless && wanted.every((pattern) => pattern.test(out))) child.kill('SIGINT');
    if (isMeanwhileDone) return;
    isMeanwhileDone = true;
    step.meanwhile?.(registry, namespace).catch((error: unknown) => child.emit('error', error));
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  child.stdin.end(step.stdin === undefined ? undefined : inNamespace(step.stdin));
  const [status] = (await once(child, 'close')) as [number | null];
  const said = `kubectl ${args.join(' ')}\n--- stdout\n${out}\n--- stderr\n${err}`;
  if (!step.endless) assert.equal(status, step.status ?? 0, said);
  for (const pattern of wanted) assert.match(out, pattern, said);
  if (step.err === undefined) assert.equal(err, '', said);
  else assert.match(err, placed(step.err, namespace), said);
}

function placed(pattern: RegExp, namespace: string): RegExp {
  return new RegExp(pattern.source.replaceAll('NS', namespace), pattern.flags);
}

/** A node that lets go of deleted pods after a moment, and has one log. */
class FakeKubelet {
  readonly #registry: Registry;
  readonly #server: Server;
  #unsubscribe: () => void = () => undefined;

  constructor(registry: Registry) {
    this.#registry = registry;
    this.#server = createServer((request, response) => {
      const query = new URL(request.url ?? '', 'http://node').searchParams;
      if (query.get('follow') !== 'true') {
        response.end('line 1\nline 2\n');
        return;
      }
      response.write('line 2\n');
      setTimeout(() => response.end('line 3\n'), 100);
    });
  }

  async start(socket: string): Promise<void> {
    const capacity = { cpu: '2', memory: '2Gi', pods: '110' };
    await this.#registry.create(NODES, {
      metadata: { name: 'n1' },
      spec: {},
      status: {
        capacity,
        allocatable: capacity,
        conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }],
        addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
        nodeInfo: {
          architecture: 'amd64',
          bootID: '',
          containerRuntimeVersion: 'podman://5',
          kernelVersion: '6.1',
          kubeProxyVersion: '',
          kubeletVersion: 'v1.35.0',
          machineID: '',
          operatingSystem: 'linux',
          osImage: 'Debian',
          systemUUID: '',
        },
      },
    });
    const { status } = await this.#registry.get(NODES, { name: 'n1' });
    assert.ok(isConditionTrue(status?.conditions, 'Ready'));
    this.#unsubscribe = this.#registry.subscribe(({ collection, object, type }) => {
      const pod = object as Pod;
      if (collection !== '/pods' || type === 'DELETED' || pod.metadata.deletionTimestamp === undefined) return;
      setTimeout(() => this.#remove(pod), 100);
    });
    this.#server.listen(socket);
    await once(this.#server, 'listening');
  }

  async stop(): Promise<void> {
    this.#unsubscribe();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #remove({ metadata }: Pod): void {
    this.#registry.delete(PODS, metadata, { gracePeriodSeconds: 0, uid: metadata.uid }).catch(() => undefined);
  }
}
