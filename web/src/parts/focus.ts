/* Who works with keys is never put out of the page: when what has the focus goes, what stands in its place takes it. */

const FOCUSABLE = 'a[href], button:enabled, [tabindex="0"], tr[tabindex]';

/** For `main`. A page that goes as a whole is not its business: focus begins anew there. */
export function keepFocus(main: HTMLElement): () => void {
  /** What has the focus by keys, and its places: among the children of its parent, that among those of its own, and so on. */
  let last: { readonly node: Element; readonly places: readonly (readonly [Element, number])[] } | null = null;

  function taken({ target }: FocusEvent): void {
    last = null;
    if (!(target instanceof Element) || !target.matches(":focus-visible")) return;
    const places: [Element, number][] = [];
    for (let at = target, above = at.parentElement; above && above !== main; at = above, above = at.parentElement) places.push([above, [...above.children].indexOf(at)]);
    last = { node: target, places };
  }
  /** Left for nothing while it is there: so it was meant. */
  function left({ relatedTarget }: FocusEvent): void {
    if (!relatedTarget) queueMicrotask(() => last?.node.isConnected && (last = null));
  }
  const watch = new MutationObserver(() => {
    if (!last || last.node.isConnected || document.activeElement !== document.body) return;
    for (const [parent, at] of last.places) {
      if (!parent.isConnected) continue;
      const children = [...parent.children];
      for (const child of [...children.slice(at), ...children.slice(0, at).reverse()])
        for (const one of [child, ...child.querySelectorAll(FOCUSABLE)])
          if (one.matches(FOCUSABLE) && one.checkVisibility()) return (one as HTMLElement).focus({ preventScroll: true });
    }
  });
  main.addEventListener("focusin", taken);
  main.addEventListener("focusout", left);
  watch.observe(main, { childList: true, subtree: true });
  return () => {
    watch.disconnect();
    main.removeEventListener("focusin", taken);
    main.removeEventListener("focusout", left);
  };
}
