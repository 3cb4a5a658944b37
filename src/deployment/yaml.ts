import { Document, isMap, isNode, isSeq } from 'yaml';
import { type Manifest, REASON } from './options.ts';

/** The manifests as one YAML stream, with the reasons of their parts as comments. */
export function manifestYaml(manifests: readonly Manifest[]): string {
  return manifests
    .map((manifest) => {
      const document = new Document(JSON.parse(JSON.stringify(manifest)));
      comment(document.contents, manifest);
      return document.toString({ lineWidth: 120, indentSeq: false });
    })
    .join('---\n');
}

function comment(node: unknown, value: unknown): void {
  if (isSeq(node) && Array.isArray(value)) {
    for (const [index, item] of node.items.entries()) comment(item, value[index]);
  } else if (isMap(node) && typeof value === 'object' && value !== null) {
    const reason = (value as { [REASON]?: string })[REASON];
    if (reason !== undefined) node.commentBefore = ` ${reason}`;
    for (const pair of node.items) {
      const name = String(isNode(pair.key) ? pair.key.toJSON() : pair.key);
      comment(pair.value, (value as Record<string, unknown>)[name]);
    }
  }
}
