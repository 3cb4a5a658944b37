export {
  type AdmissionAnswer,
  type AdmissionRequest,
  type JsonPatchStep,
  parseAdmissionReview,
  reviewAnswer,
} from './admission-review.ts';
export { type AdmissionHandler, AdmissionServer, type AdmissionServerOptions } from './admission-server.ts';
export { announceAuthorities } from './announce-authorities.ts';
