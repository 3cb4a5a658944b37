export * from './core.ts';
export * from './errors.ts';
export * from './interruptionpolicy.ts';
export * from './log.ts';
export * from './marks.ts';
export * from './meta.ts';
export * from './podcheckpoint.ts';
export * from './selectors.ts';
