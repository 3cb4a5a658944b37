export { podCheckpointStatusText, sizeText } from './checkpoint-columns.ts';
export { AGE_COLUMN, ageOf, type Cell, DEFAULT_COLUMNS, NAME_COLUMN, type PrinterColumn } from './column.ts';
export { podStatusText } from './pod-columns.ts';
