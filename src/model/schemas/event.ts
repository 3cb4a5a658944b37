import { described, integer, microTime, object, text, time } from './fields.ts';
import { ObjectReference } from './reference.ts';
import { wholeObject } from './whole-object.ts';

export const EventSource = object('EventSource', 'Information for an event.', [], {
  component: text('Component from which the event is generated.'),
  host: text('Node name on which the event is generated.'),
});

export const EventSeries = object('EventSeries', 'Events that go on happening.', [], {
  count: integer('Number of occurrences in this series up to the last heartbeat time.'),
  lastObservedTime: microTime('Time of the last occurrence observed.'),
});

/** `v1` Event. The fields of events.k8s.io/v1 that are called otherwise there are accepted beside their v1 names. */
export const EventSchema = wholeObject('Event', 'Something that happened to an object.', ['involvedObject'], {
  involvedObject: described(ObjectReference, 'What the event is about.'),
  related: described(ObjectReference, 'A second object, for events about two.'),
  reason: text('What happened, in one CamelCase word.'),
  message: text('What happened, for people.'),
  type: text('Normal or Warning.'),
  source: described(EventSource, 'Who reports it.'),
  firstTimestamp: time('When it happened first.'),
  lastTimestamp: time('When it happened last.'),
  count: integer('How often it happened.'),
  eventTime: microTime('When it happened first, with microseconds.'),
  series: described(EventSeries, 'The series it is part of.'),
  action: text('What was done, or failed.'),
  reportingComponent: text('Controller that reports it, e.g. kubernetes.io/kubelet.'),
  reportingInstance: text('Instance of the controller.'),
  regarding: described(ObjectReference, 'What the event is about (events.k8s.io/v1).'),
  note: text('What happened, for people (events.k8s.io/v1).'),
  reportingController: text('Controller that reports it (events.k8s.io/v1).'),
  deprecatedSource: described(EventSource, 'Who reports it (events.k8s.io/v1).'),
  deprecatedFirstTimestamp: time('When it happened first (events.k8s.io/v1).'),
  deprecatedLastTimestamp: time('When it happened last (events.k8s.io/v1).'),
  deprecatedCount: integer('How often it happened (events.k8s.io/v1).'),
});
