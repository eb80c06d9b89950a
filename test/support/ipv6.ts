import { networkInterfaces } from 'node:os';

/** Without IPv6, as in many containers, there is no ::1 to listen on. */
export const hasIPv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === '::1'),
);
