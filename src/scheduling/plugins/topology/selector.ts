import { type LabelSelector, type LabelSelectorRequirement, matchesLabels } from '../../../model/index.ts';

type Labels = Readonly<Record<string, string>> | undefined;

/** A pair of label and values of which one is on everything a selector matches: where to look for its matches. */
export interface Anchor {
  readonly key: string;
  readonly values: readonly string[];
}

/** A label selector made ready for many questions. Selectors that ask the same have the same `text`. */
export interface Selector {
  readonly text: string;
  /** Has no requirement, so that it matches everything. */
  readonly isEmpty: boolean;
  /** Undefined: its matches cannot be narrowed down by a label. */
  readonly anchor: Anchor | undefined;
  matches(labels: Labels): boolean;
}

/** An absent selector matches nothing (`metav1.LabelSelectorAsSelector`). */
export const NOTHING: Selector = {
  text: 'nothing',
  isEmpty: false,
  anchor: { key: '', values: [] },
  matches: () => false,
};

/** @param more requirements that must hold as well, such as those of `matchLabelKeys` */
export function selectorOf(
  selector: LabelSelector | undefined,
  more: readonly LabelSelectorRequirement[] = [],
): Selector {
  if (selector === undefined) return NOTHING;
  const requirements = new Map<string, Required<LabelSelectorRequirement>>();
  const require = ({ key, operator, values = [] }: LabelSelectorRequirement): void => {
    const sorted = [...values].sort();
    requirements.set(JSON.stringify([key, operator, sorted]), { key, operator, values: sorted });
  };
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    require({ key, operator: 'In', values: [value] });
  }
  for (const requirement of selector.matchExpressions ?? []) require(requirement);
  for (const requirement of more) require(requirement);
  const texts = [...requirements.keys()].sort();
  const list = texts.flatMap((text) => requirements.get(text) ?? []);
  const anchor = list.find(({ operator }) => operator === 'In');
  return {
    text: texts.join(''),
    isEmpty: list.length === 0,
    anchor: anchor === undefined ? undefined : { key: anchor.key, values: anchor.values },
    matches: (labels) => matchesLabels(list, labels),
  };
}
