import { ApiError, type Registry } from '../../../kubernetes/index.ts';
import { apiVersionOf } from '../../../model/index.ts';
import { negotiate } from '../http/accept.ts';
import type { Exchange } from '../http/exchange.ts';
import { type GroupVersion, servedGroupVersions } from './api-resources.ts';

const AGGREGATED = { APIGroupDiscoveryList: ['apidiscovery.k8s.io/v2', 'apidiscovery.k8s.io/v2beta1'] };

/**
 * `/api`, `/apis`, `/apis/{group}`, `/api/{version}` and `/apis/{group}/{version}`; the first two also in the aggregated
 * form (KEP-3352). Gives false when the path is none of these, or nothing is served there.
 */
export function sendDiscovery(registry: Registry, exchange: Exchange, segments: readonly string[]): boolean {
  const [root, ...rest] = segments;
  const served = servedGroupVersions(registry).filter(({ group }) => (root === 'api') === (group === ''));
  if (rest.length === 0) {
    sendRoot(exchange, root === 'api', served);
    return true;
  }
  const [group, version] = root === 'api' ? ['', rest[0]] : rest;
  if (rest.length > (root === 'api' ? 1 : 2)) return false;
  const ofGroup = served.filter((one) => one.group === group);
  if (ofGroup.length === 0) return false;
  negotiate(exchange.accept);
  if (version === undefined) {
    exchange.json(200, { kind: 'APIGroup', apiVersion: 'v1', ...groupOf(ofGroup) });
    return true;
  }
  const found = ofGroup.find((one) => one.version === version);
  if (found === undefined) return false;
  const { resources } = found;
  exchange.json(200, { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: apiVersionOf(found), resources });
  return true;
}

function sendRoot(exchange: Exchange, isCore: boolean, served: GroupVersion[]): void {
  const { as } = negotiate(exchange.accept, AGGREGATED);
  if (as !== undefined) {
    const apiVersion = `${as.group}/${as.version}`;
    const items = groups(served).map(aggregated);
    const type = `application/json;g=${as.group};v=${as.version};as=${as.kind}`;
    exchange.json(200, { kind: as.kind, apiVersion, metadata: {}, items }, type);
  } else if (isCore) {
    const versions = served.map(({ version }) => version);
    const serverAddressByClientCIDRs = [
      { clientCIDR: '0.0.0.0/0', serverAddress: exchange.request.headers.host ?? '' },
    ];
    exchange.json(200, { kind: 'APIVersions', versions, serverAddressByClientCIDRs });
  } else {
    exchange.json(200, { kind: 'APIGroupList', apiVersion: 'v1', groups: groups(served).map(groupOf) });
  }
}

function groups(served: GroupVersion[]): GroupVersion[][] {
  return [...Map.groupBy(served, ({ group }) => group).values()];
}

function groupOf(versionsOfGroup: GroupVersion[]): object {
  const versions = versionsOfGroup.map((one) => ({ groupVersion: apiVersionOf(one), version: one.version }));
  const [preferredVersion] = versions;
  if (preferredVersion === undefined) throw new ApiError('InternalError', 'a group without versions');
  return { name: versionsOfGroup[0]?.group ?? '', versions, preferredVersion };
}

function aggregated(versionsOfGroup: GroupVersion[]): object {
  return {
    metadata: { name: versionsOfGroup[0]?.group ?? '', creationTimestamp: null },
    versions: versionsOfGroup.map((one) => ({
      version: one.version,
      freshness: 'Current',
      resources: aggregatedResources(one),
    })),
  };
}

function aggregatedResources({ group, version, resources }: GroupVersion): object[] {
  const responseKind = (resource: (typeof resources)[number]): object => ({
    group: resource.group ?? group,
    version: resource.version ?? version,
    kind: resource.kind,
  });
  return resources
    .filter(({ name }) => !name.includes('/'))
    .map((resource) => ({
      resource: resource.name,
      responseKind: responseKind(resource),
      scope: resource.namespaced ? 'Namespaced' : 'Cluster',
      singularResource: resource.singularName,
      verbs: resource.verbs,
      ...(resource.shortNames === undefined ? {} : { shortNames: resource.shortNames }),
      ...(resource.categories === undefined ? {} : { categories: resource.categories }),
      subresources: resources
        .filter(({ name }) => name.startsWith(`${resource.name}/`))
        .map((below) => ({
          subresource: below.name.slice(resource.name.length + 1),
          responseKind: responseKind(below),
          verbs: below.verbs,
        })),
    }));
}
