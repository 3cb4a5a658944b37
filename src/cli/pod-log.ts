import { Agent, request } from 'undici';
import type { ClusterAccess } from '../kubernetes/index.ts';

/** What a pod's only container has written so far; empty while there is no log to read. */
export async function readPodLog(access: ClusterAccess, namespace: string, pod: string): Promise<string> {
  const dispatcher = new Agent({ connect: { ...(access.ca === undefined ? {} : { ca: access.ca }) } });
  try {
    const url = `${access.server}/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}/log`;
    const response = await request(url, { dispatcher, headers: { authorization: `Bearer ${access.token ?? ''}` } });
    const text = await response.body.text();
    return response.statusCode === 200 ? text : '';
  } finally {
    await dispatcher.close();
  }
}
