/** What the compiler must accept and refuse of notices. */
import type { Imds, InterruptionHook, MaintenanceEvent, Notice, NoticeIterator, NoticeOf } from 'imds';

declare const imds: Imds;

for await (const notice of imds.watch()) {
  if (notice.kind === 'spot-interruption') {
    const left: number | undefined = notice.millisecondsLeft;
    const deadline: string | undefined = notice.previous?.deadline;
    void [left, deadline];
  } else if (notice.kind === 'maintenance') {
    const event: MaintenanceEvent = notice.event;
    void event;
  } else if (notice.kind === 'target-lifecycle-state') {
    const isEnd: boolean = notice.state === 'Terminated' || notice.state === 'a state of tomorrow';
    void isEnd;
  } else {
    // Of the kinds that are watched for by default only this is left.
    const time: string | undefined = notice.noticeTime;
    void time;
  }
}

const tags: NoticeIterator<NoticeOf<'tags'>> = imds.watch({ kinds: ['tags'] });
const some: NoticeIterator<Notice> = imds.watch({ kinds: ['credentials', 'addresses'], persistent: false });

/** Every kind has a case: the compiler says so when one is added. */
function keyOf(notice: Notice): string | undefined {
  switch (notice.kind) {
    case 'spot-interruption':
      return notice.action;
    case 'rebalance':
      return notice.noticeTime;
    case 'maintenance':
      return notice.event.EventId;
    case 'target-lifecycle-state':
      return notice.state;
    case 'credentials':
      return notice.role;
    case 'tags':
      return Object.keys(notice.tags).join();
    case 'addresses':
      return notice.mac;
  }
}

const hook: InterruptionHook = imds.onInterruption(async (notice: NoticeOf<'spot-interruption'>, { signal }) => {
  signal.throwIfAborted();
  return notice.action;
});
const take: () => void = hook;

// @ts-expect-error there is no such kind
imds.watch({ kinds: ['spot'] });
// @ts-expect-error a notice of tags has no deadline
void (await tags.next()).value?.deadline;
// @ts-expect-error notices are read, not made
for await (const notice of tags) notice.tags = {};
// @ts-expect-error the hook is for interruptions alone
imds.onInterruption(() => {}, { kinds: ['tags'] });

export { keyOf, some, take };
