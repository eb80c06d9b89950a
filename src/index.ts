export type {
  Accessor,
  Categories,
  Parameter,
  ParameterAccessor,
  ParameterGroup,
} from './categories.js';
export { Imds } from './client.js';
export type {
  CredentialProviderOptions,
  CredentialsOptions,
  ImdsCredentialProvider,
  ImdsCredentials,
} from './credentials.js';
export type {
  Category,
  ElasticGpuAssociation,
  ElasticInferenceAccelerator,
  IamInfo,
  IdentityCredentialsInfo,
  InstanceIdentityDocument,
  Kind,
  MaintenanceEvent,
  Mutability,
  PublicKey,
  RebalanceRecommendation,
  RoleCredentials,
  RoleCredentialsDocument,
  RoleCredentialsFailure,
  SpotInstanceAction,
  Word,
} from './decode.js';
export type { DiagnoseOptions, Diagnosis, Finding, Fix, Station, Verdict } from './doctor.js';
export {
  type CredentialsFault,
  type IdentityFault,
  ImdsCredentialsError,
  ImdsDecodeError,
  ImdsDisabledError,
  ImdsError,
  type ImdsErrorCode,
  type ImdsErrorOptions,
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
export type {
  CacheEvent,
  CredentialsEvent,
  FallbackEvent,
  ImdsEvents,
  Logger,
  RequestEvent,
  RetryEvent,
  TokenEvent,
  WatchEvent,
} from './events.js';
export {
  type IdentityCertificate,
  type IdentityProof,
  type IdentitySignatureKind,
  type VerifiedIdentity,
  type VerifyIdentityOptions,
  verifyIdentityDocument,
} from './identity.js';
export type { InterruptionHandler, InterruptionHook, InterruptionOptions } from './interruption.js';
export type { NetworkInterface, SettledNetworkInterface, SettlingNetworkInterface } from './network.js';
export type {
  Addresses,
  AddressesNotice,
  Change,
  CredentialsNotice,
  CredentialsState,
  Maintenance,
  MaintenanceNotice,
  Notice,
  NoticeKind,
  NoticeOf,
  Rebalance,
  RebalanceNotice,
  SpotInterruption,
  SpotInterruptionNotice,
  Tags,
  TagsNotice,
  TargetLifecycleState,
  TargetLifecycleStateNotice,
} from './notices.js';
export type { ContainerKind, Residency } from './residency.js';
export type { CacheOptions, CallOptions, EndpointMode, ImdsOptions } from './settings.js';
export { decodeUserData, type UserData, type UserDataKind, type UserDataPart } from './user-data.js';
export type { DefaultNoticeKind, NoticeIterator, WatchOptions } from './watch.js';
