import { type Clock, SystemClock } from '../clock/index.ts';
import { ApiError } from './api-error.ts';
import { HttpTransport } from './http-transport.ts';
import type { ClusterAccess } from './kubeconfig.ts';

/** How much longer than the dump may take an answer is waited for. */
const ANSWER_SLACK_MILLISECONDS = 30_000;

export interface KubeletCheckpointsOptions {
  /** Asks through the API server, as `/api/v1/nodes/<name>/proxy`; absent: `access` is that of the kubelet itself. */
  throughNode?: string;
  userAgent?: string;
  /** Default: the machine's. */
  clock?: Clock;
}

/** The kubelet's checkpoint endpoint, `POST /checkpoint/NAMESPACE/POD/CONTAINER?timeout=SECONDS` (KEP-2008). */
export class KubeletCheckpoints {
  readonly #transport: HttpTransport;
  readonly #prefix: string;

  constructor(access: ClusterAccess, options: KubeletCheckpointsOptions = {}) {
    const { clock = new SystemClock(), userAgent = 'fermata-agent', throughNode } = options;
    this.#transport = new HttpTransport(access, { clock, userAgent });
    this.#prefix = throughNode === undefined ? '' : `/api/v1/nodes/${encodeURIComponent(throughNode)}/proxy`;
  }

  /**
   * The archives it wrote, as the node sees them, or with which status and words it refused. Rejects with ApiError
   * `ServiceUnavailable` when no answer came; a dump that has begun is then not ended by that.
   */
  async checkpoint(
    container: { namespace: string; pod: string; container: string; timeoutSeconds: number },
    signal: AbortSignal,
  ): Promise<{ paths: string[] } | { status: number; message: string }> {
    const { namespace, pod, container: name, timeoutSeconds } = container;
    const path = `${this.#prefix}/checkpoint/${[namespace, pod, name].map(encodeURIComponent).join('/')}`;
    try {
      const answer = await this.#transport.json({
        method: 'POST',
        path,
        // Without it the runtime's two minutes hold, which kill large dumps.
        query: { timeout: timeoutSeconds },
        headersTimeoutMilliseconds: timeoutSeconds * 1_000 + ANSWER_SLACK_MILLISECONDS,
        signal,
      });
      const { items } = answer as { items?: unknown };
      const paths = Array.isArray(items) ? items.filter((item) => typeof item === 'string') : [];
      return { paths };
    } catch (error) {
      if (!(error instanceof ApiError) || error.status === 0) throw error;
      return { status: error.status, message: error.message };
    }
  }

  async close(): Promise<void> {
    await this.#transport.close();
  }
}
