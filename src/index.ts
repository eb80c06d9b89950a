export type { ImdsEvents, Logger } from './client/events.js';
export type { CacheOptions, EndpointMode, ImdsOptions } from './client/options.js';
export type {
  CredentialProviderOptions,
  CredentialsOptions,
  ImdsCredentialProvider,
  ImdsCredentials,
} from './credentials/provider.js';
export type { DiagnoseOptions, Diagnosis, Finding, Fix, Hop, Verdict } from './doctor/diagnose.js';
export {
  type CredentialsFault,
  type IdentityFault,
  ImdsCredentialsError,
  ImdsDecodeError,
  ImdsDisabledError,
  ImdsError,
  type ImdsErrorCode,
  ImdsForbiddenError,
  ImdsHopLimitError,
  ImdsIdentityError,
  ImdsNotFoundError,
  ImdsPathError,
  ImdsResponseError,
  ImdsSettingsError,
  ImdsTimeoutError,
  ImdsTokenError,
  ImdsUnreachableError,
  isImdsError,
  type ResponseFault,
  type TimeoutPhase,
} from './errors.js';
export {
  type IdentityCertificate,
  type IdentityProof,
  type IdentitySignatureKind,
  type VerifiedIdentity,
  type VerifyIdentityOptions,
  verifyIdentityDocument,
} from './identity/verify.js';
export { type Categories, Imds } from './imds.js';
export type { Accessor, CallOptions, ParameterAccessor, ParameterGroup } from './metadata/accessor.js';
export type { Category } from './metadata/category.js';
export type { PublicKey } from './metadata/decode.js';
export type {
  IamInfo,
  IdentityCredentialsInfo,
  InstanceIdentityDocument,
  MaintenanceEvent,
  RebalanceRecommendation,
  RoleCredentialsDocument,
  SpotInstanceAction,
} from './metadata/documents.js';
export type { CompleteNetworkInterface, IncompleteNetworkInterface, NetworkInterface } from './network/interfaces.js';
export type { Platform } from './platform.js';
export { type UserDataAgent, userDataAgents } from './user-data/agents.js';
export { checkUserData, type UserDataCheck, type UserDataFate, type UserDataPartCheck } from './user-data/check.js';
export {
  decodeUserData,
  type UserData,
  type UserDataFlaw,
  type UserDataKind,
  type UserDataPart,
} from './user-data/decode.js';
export type { InterruptionHandler, InterruptionHook, InterruptionOptions } from './watch/interruption.js';
export type { NoticeIterator, WatchOptions } from './watch/iterator.js';
export {
  type Change,
  type DefaultNoticeKind,
  defaultNoticeKinds,
  type Notice,
  type NoticeKind,
  type NoticeOf,
  noticeKinds,
} from './watch/notices.js';
