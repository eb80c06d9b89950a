/** The programs that read user data when an instance starts. */
export const userDataAgents = ['cloud-init', 'nodeadm', 'EC2Launch', 'Bottlerocket', 'Ignition'] as const;
export type UserDataAgent = (typeof userDataAgents)[number];
