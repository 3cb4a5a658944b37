import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, type NodeBuilder, node, type PodBuilder, pod } from '../testing.ts';
import { Story } from '../testing-story.ts';
import { affinity, apart, HOST, type Labels, like, near, prefers, zoned } from './testing-affinity.ts';

const two = () => [zoned('east', 'e'), zoned('west', 'w')];

interface Case {
  nodes?: NodeBuilder[];
  namespaces?: Record<string, Labels>;
  placed?: PodBuilder[];
  pod: PodBuilder;
  wants: string | RegExp;
}

const NO_AFFINITY = "didn't match pod affinity rules";
const ANTI = "didn't match pod anti-affinity rules";
const EXISTING = "didn't satisfy existing pods anti-affinity rules";

const CASES: Record<string, Case> = {
  'near a pod it matches, in the zone of that pod': {
    placed: [pod('db').labels({ app: 'db' }).on('west')],
    pod: pod('p').spec(near(like({ app: 'db' }))),
    wants: 'Bind p → west',
  },
  'a zone is more than one node': {
    nodes: [zoned('east', 'e'), zoned('west', 'w'), zoned('west2', 'w')],
    placed: [pod('db').labels({ app: 'db' }).requests({ cpu: '4' }).on('west')],
    pod: pod('p')
      .requests({ cpu: '1' })
      .spec(near(like({ app: 'db' }))),
    wants: 'Bind p → west2',
  },
  'nobody to be near, and it is not one of those itself': {
    pod: pod('p').spec(near(like({ app: 'db' }))),
    wants: new RegExp(
      `2 node\\(s\\) ${NO_AFFINITY}\\. preemption: 0/2 nodes are available: 2 Preemption is not helpful`,
    ),
  },
  'the first of a group that wants to be near itself may go anywhere': {
    pod: pod('p')
      .labels({ app: 'db' })
      .spec(near(like({ app: 'db' }))),
    wants: 'Bind p → east',
  },
  'but only where the label is': {
    nodes: [node('bare').labels({ [HOST]: 'bare' }), zoned('west', 'w')],
    pod: pod('p')
      .labels({ app: 'db' })
      .spec(near(like({ app: 'db' }))),
    wants: 'Bind p → west',
  },
  'the second of the group goes where the first is': {
    placed: [pod('first').labels({ app: 'db' }).on('west')],
    pod: pod('p')
      .labels({ app: 'db' })
      .spec(near(like({ app: 'db' }))),
    wants: 'Bind p → west',
  },
  'one of its group on a node without the label does not count': {
    nodes: [node('bare'), zoned('west', 'w')],
    placed: [pod('first').labels({ app: 'db' }).on('bare')],
    pod: pod('p')
      .labels({ app: 'db' })
      .spec(near(like({ app: 'db' }))),
    wants: 'Bind p → west',
  },
  'one pod must match all terms: two that match one each are not enough': {
    placed: [pod('a').labels({ app: 'db' }).on('west'), pod('b').labels({ tier: 'x' }).on('west')],
    pod: pod('p').spec(near(like({ app: 'db' }), like({ tier: 'x' }))),
    wants: new RegExp(NO_AFFINITY),
  },
  'one pod that matches all terms': {
    placed: [pod('a').labels({ app: 'db', tier: 'x' }).on('west')],
    pod: pod('p').spec(near(like({ app: 'db' }), like({ tier: 'x' }, HOST))),
    wants: 'Bind p → west',
  },
  'apart from its own kind, host by host': {
    placed: [pod('a').labels({ app: 'web' }).on('east')],
    pod: pod('p')
      .labels({ app: 'web' })
      .spec(apart(like({ app: 'web' }, HOST))),
    wants: 'Bind p → west',
  },
  'apart everywhere is nowhere': {
    placed: [pod('a').labels({ app: 'web' }).on('east'), pod('b').labels({ app: 'web' }).on('west')],
    pod: pod('p').spec(apart(like({ app: 'web' }, HOST))),
    wants: new RegExp(`2 node\\(s\\) ${ANTI}`),
  },
  'a node without the label is in no domain to be kept out of': {
    nodes: [node('bare')],
    placed: [pod('a').labels({ app: 'web' }).on('bare')],
    pod: pod('p').spec(apart(like({ app: 'web' }, 'zone'))),
    wants: 'Bind p → bare',
  },
  'a placed pod keeps out those it wants to be apart from, though they do not mind': {
    placed: [
      pod('hermit')
        .spec(apart(like({ app: 'web' })))
        .on('east'),
    ],
    pod: pod('p').labels({ app: 'web' }),
    wants: 'Bind p → west',
  },
  'and says so': {
    nodes: [zoned('east', 'e')],
    placed: [
      pod('hermit')
        .spec(apart(like({ app: 'web' })))
        .on('east'),
    ],
    pod: pod('p').labels({ app: 'web' }),
    wants: new RegExp(`1 node\\(s\\) ${EXISTING}`),
  },
  'affinity is asked before anti-affinity': {
    nodes: [zoned('east', 'e')],
    placed: [pod('a').labels({ app: 'web' }).on('east')],
    pod: pod('p').spec(
      affinity({
        podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [like({ app: 'db' })] },
        podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [like({ app: 'web' })] },
      }),
    ),
    wants: new RegExp(NO_AFFINITY),
  },
  'pods of other namespaces do not count': {
    nodes: [zoned('east', 'e')],
    placed: [pod('a').namespace('other').labels({ app: 'web' }).on('east')],
    pod: pod('p').spec(apart(like({ app: 'web' }))),
    wants: 'Bind p → east',
  },
  'unless their namespace is listed': {
    nodes: [zoned('east', 'e')],
    placed: [pod('a').namespace('other').labels({ app: 'web' }).on('east')],
    pod: pod('p').spec(apart(like({ app: 'web' }, 'zone', { namespaces: ['other'] }))),
    wants: new RegExp(ANTI),
  },
  'a list of namespaces leaves out its own': {
    nodes: [zoned('east', 'e')],
    placed: [pod('a').labels({ app: 'web' }).on('east')],
    pod: pod('p').spec(apart(like({ app: 'web' }, 'zone', { namespaces: ['other'] }))),
    wants: 'Bind p → east',
  },
  'a namespace selected by its labels': {
    nodes: [zoned('east', 'e')],
    namespaces: { other: { team: 'red' } },
    placed: [pod('a').namespace('other').labels({ app: 'web' }).on('east')],
    pod: pod('p').spec(apart(like({ app: 'web' }, 'zone', { namespaceSelector: { matchLabels: { team: 'red' } } }))),
    wants: new RegExp(ANTI),
  },
  'an empty namespace selector is every namespace': {
    nodes: [zoned('east', 'e')],
    placed: [pod('a').namespace('other').labels({ app: 'web' }).on('east')],
    pod: pod('p').spec(apart(like({ app: 'web' }, 'zone', { namespaceSelector: {} }))),
    wants: new RegExp(ANTI),
  },
  'a placed pod may select the namespace of the incoming one': {
    nodes: [zoned('east', 'e')],
    namespaces: { default: { team: 'red' } },
    placed: [
      pod('hermit')
        .namespace('other')
        .spec(apart(like({ app: 'web' }, 'zone', { namespaceSelector: { matchLabels: { team: 'red' } } })))
        .on('east'),
    ],
    pod: pod('p').labels({ app: 'web' }),
    wants: new RegExp(EXISTING),
  },
  'a term without label selector matches nobody': {
    nodes: [zoned('east', 'e')],
    placed: [pod('a').labels({ app: 'web' }).on('east')],
    pod: pod('p').spec(apart({ topologyKey: 'zone' })),
    wants: 'Bind p → east',
  },
  'an empty label selector matches everybody': {
    nodes: [zoned('east', 'e')],
    placed: [pod('a').on('east')],
    pod: pod('p').spec(apart(like({}))),
    wants: new RegExp(ANTI),
  },
  'matchLabelKeys: only pods of its own revision': {
    nodes: [zoned('east', 'e')],
    placed: [pod('a').labels({ app: 'web', revision: '1' }).on('east')],
    pod: pod('p')
      .labels({ app: 'web', revision: '2' })
      .spec(apart(like({ app: 'web' }, 'zone', { matchLabelKeys: ['revision'] }))),
    wants: 'Bind p → east',
  },
  'mismatchLabelKeys: only pods of another tenant': {
    placed: [
      pod('a').labels({ tenant: 'red' }).on('east'),
      pod('b').labels({ tenant: 'blue' }).requests({ cpu: '1' }).on('west'),
    ],
    pod: pod('p')
      .labels({ tenant: 'blue' })
      .spec(
        affinity({
          podAntiAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: [
              { topologyKey: 'zone', namespaceSelector: {}, labelSelector: {}, mismatchLabelKeys: ['tenant'] },
            ],
          },
        }),
      ),
    wants: 'Bind p → west',
  },
  'a pod on its way out still counts': {
    nodes: [zoned('east', 'e')],
    placed: [pod('a').labels({ app: 'web' }).on('east').terminating(60_000)],
    pod: pod('p').spec(apart(like({ app: 'web' }))),
    wants: new RegExp(ANTI),
  },
  'preferred affinity outweighs emptiness': {
    placed: [pod('a').labels({ app: 'db' }).requests({ cpu: '1' }).on('west')],
    pod: pod('p').spec(prefers('podAffinity', 1, like({ app: 'db' }))),
    wants: 'Bind p → west',
  },
  'preferred anti-affinity keeps away': {
    placed: [pod('a').labels({ app: 'db' }).on('east'), pod('big').requests({ cpu: '1' }).on('west')],
    pod: pod('p').spec(prefers('podAntiAffinity', 1, like({ app: 'db' }))),
    wants: 'Bind p → west',
  },
  'what placed pods prefer counts for the incoming one': {
    placed: [
      pod('fan')
        .requests({ cpu: '1' })
        .spec(prefers('podAffinity', 5, like({ app: 'star' })))
        .on('west'),
    ],
    pod: pod('p').labels({ app: 'star' }),
    wants: 'Bind p → west',
  },
  'where a placed pod needs its like, its like is welcome': {
    placed: [
      pod('one')
        .labels({ app: 'db' })
        .requests({ cpu: '1' })
        .spec(near(like({ app: 'db' })))
        .on('west'),
    ],
    pod: pod('p').labels({ app: 'db' }),
    wants: 'Bind p → west',
  },
  'the label of a node may be named as a member of every object': {
    nodes: [node('bare')],
    placed: [pod('a').labels({ app: 'web' }).on('bare')],
    pod: pod('p').spec(apart(like({ app: 'web' }, 'constructor'))),
    wants: 'Bind p → bare',
  },
};

for (const [sentence, { nodes = two(), namespaces = {}, placed = [], pod: wanted, wants }] of Object.entries(CASES)) {
  test(`affinity: ${sentence}`, () => {
    const story = new Story().nodes(...nodes);
    for (const [name, labels] of Object.entries(namespaces)) story.tell(namespace(name, labels));
    const [outcome = ''] = story.pods(...placed, wanted).brief();
    if (typeof wants === 'string') assert.equal(outcome, wants);
    else assert.match(outcome, wants);
  });
}

function namespace(name: string, labels: Labels) {
  const metadata = { name, uid: name, resourceVersion: '1', creationTimestamp: at(0), labels };
  return { type: 'ObjectChanged', object: { apiVersion: 'v1', kind: 'Namespace', metadata } } as const;
}

test('affinity: preemption takes away the pod that keeps the other out', () => {
  const hermit = pod('hermit')
    .priority(0)
    .spec(apart(like({ app: 'web' })))
    .on('east');
  const story = new Story().nodes(zoned('east', 'e')).pods(hermit);
  const [outcome] = story
    .pods(pod('p').labels({ app: 'web' }).priority(9).preemption('CheckpointLowerPriority'))
    .brief();
  assert.equal(outcome, 'Interrupt Checkpoint hermit for p → east');
});

test('affinity: a pod promised room counts for pods of its priority', () => {
  const promised = pod('promised')
    .labels({ app: 'web' })
    .priority(5)
    .requests({ cpu: '4' })
    .preemption('CheckpointLowerPriority');
  const story = new Story().nodes(zoned('east', 'e')).pods(pod('low').requests({ cpu: '4' }).on('east'), promised);
  assert.deepEqual(story.brief(), ['Interrupt Checkpoint low for promised → east']);
  const [outcome = ''] = story
    .pods(
      pod('p')
        .priority(5)
        .spec(apart(like({ app: 'web' }))),
    )
    .brief();
  assert.match(outcome, new RegExp(ANTI));
});

const story = (wanted: PodBuilder, ...placed: PodBuilder[]): Story => {
  const told = new Story().nodes(zoned('east', 'e')).pods(...placed, wanted);
  assert.match(told.brief().join(), /^Unschedulable p: /);
  return told.after(20_000);
};

test('affinity: a pod kept out comes back when the one that keeps it out goes', () => {
  const hermit = pod('hermit')
    .spec(apart(like({ app: 'web' })))
    .on('east');
  const told = story(pod('p').labels({ app: 'web' }), hermit, pod('other').on('east'));
  assert.deepEqual(told.gone(pod('other').on('east')).brief(), []);
  assert.deepEqual(told.gone(hermit).brief(), ['Bind p → east']);
});

test('affinity: a pod that needs company comes back when it arrives', () => {
  const told = story(pod('p').spec(near(like({ app: 'db' }))));
  assert.deepEqual(told.pods(pod('x').labels({ app: 'web' }).on('east')).brief(), []);
  assert.deepEqual(told.pods(pod('db').labels({ app: 'db' }).on('east')).brief(), ['Bind p → east']);
});

test('affinity: company that is only decided on is company', () => {
  const told = story(pod('p').spec(near(like({ app: 'db' }))));
  assert.deepEqual(told.pods(pod('db').labels({ app: 'db' })).brief(), ['Bind db → east', 'Bind p → east']);
});

test('affinity: a placed pod that is labelled anew is company', () => {
  const told = story(pod('p').spec(near(like({ app: 'db' }))), pod('db').on('east'));
  assert.deepEqual(told.pods(pod('db').labels({ app: 'db' }).on('east')).brief(), ['Bind p → east']);
});

test('affinity: a namespace labelled anew brings back those whose terms select namespaces', () => {
  const term = like({ app: 'db' }, 'zone', { namespaceSelector: { matchLabels: { team: 'red' } } });
  const told = story(pod('p').spec(near(term)), pod('db').namespace('other').labels({ app: 'db' }).on('east'));
  assert.deepEqual(told.tell(namespace('other', { team: 'blue' })).brief().length, 1);
  assert.deepEqual(
    told
      .after(20_000)
      .tell(namespace('other', { team: 'red' }))
      .brief(),
    ['Bind p → east'],
  );
});

test('affinity: with the node of its group gone a pod may start the group elsewhere', () => {
  const db = (name: string) =>
    pod(name)
      .labels({ app: 'db' })
      .requests({ cpu: '4' })
      .spec(near(like({ app: 'db' })));
  const told = new Story().nodes(...two()).pods(db('first').on('east'), db('p'));
  assert.match(told.brief().join(), /1 Insufficient cpu, 1 node\(s\) didn't match pod affinity rules/);
  told.after(20_000).tell({ type: 'NodeDeleted', node: zoned('east', 'e').build() });
  assert.deepEqual(told.brief(), ['Bind p → west']);
});
