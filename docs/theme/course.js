// A recorded page chooses its colours when it is loaded. So it is loaded again when the theme of
// the book changes between light and dark.
(() => {
  const frames = [...document.querySelectorAll(".recording iframe")];
  const scheme = (frame) => getComputedStyle(frame).colorScheme;
  for (const frame of frames) frame.dataset.scheme = scheme(frame);
  new MutationObserver(() => {
    for (const frame of frames) {
      if (frame.dataset.scheme === scheme(frame)) continue;
      frame.dataset.scheme = scheme(frame);
      frame.src = frame.getAttribute("src");
    }
  }).observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
})();
