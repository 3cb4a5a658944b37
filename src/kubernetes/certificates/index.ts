export {
  type CertificateAndKey,
  createAuthority,
  createServerCertificate,
  type ServerNames,
} from './certificates.ts';
export { type ServingCertificate, SharedCertificate, type SharedCertificateOptions } from './shared-certificate.ts';
