import type { ComponentChildren } from 'preact';

interface Given {
  readonly title: string;
  readonly className?: string;
  /** Content next to the title. */
  readonly beside?: ComponentChildren;
  readonly children: ComponentChildren;
}

/** A part of the page, with its heading. */
export function Card({ title, className = '', beside, children }: Given) {
  const id = title.toLowerCase().replaceAll(' ', '-');
  return (
    <section class={`card ${className}`} aria-labelledby={id}>
      <div class="title">
        <h2 id={id}>{title}</h2>
        {beside}
      </div>
      {children}
    </section>
  );
}
