"""What one would measure on a screen with a ruler and a colour picker: contrast, sizes, names; in the page's language.

Each is an expression of JavaScript that gives a list of what is wrong, in words.
"""

from __future__ import annotations

from typing import Final

FAINT_TEXT: Final = """(() => {
  const context = Object.assign(document.createElement("canvas"), {width: 1, height: 1})
    .getContext("2d", {willReadFrequently: true});
  const rgba = (colour) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const light = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = rgba(getComputedStyle(e).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255, 255];
  };
  const wrong = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || element.matches(".unseen, option, script, noscript")) continue;
    if (!element.checkVisibility() || element.closest(":disabled")) continue;
    const [a, b] = [light(rgba(getComputedStyle(element).color)), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) wrong.push(`${node.textContent.trim()}: ${ratio.toFixed(2)}`);
  }
  for (const lamp of document.querySelectorAll(".lamp")) {
    const [a, b] = [light(rgba(getComputedStyle(lamp).color)), light(ground(lamp))];
    if ((Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5) wrong.push("the icon of the state");
  }
  return wrong;
})()"""
"""By the formula of WCAG 2: text on its ground below 4.5 to 1. What is switched off is exempt."""

SMALL_TARGETS: Final = """[...document.querySelectorAll("button, select, summary, input, label.choice")]
  .filter((e) => e.checkVisibility() && e.type !== "checkbox")
  .map((e) => [e.id || e.textContent.trim(), e.getBoundingClientRect()])
  .filter(([, box]) => box.width < 44 || box.height < 44)
  .map(([name, box]) => `${name}: ${box.width} x ${box.height}`)"""
"""What a finger does not hit."""

OUTSIDE: Final = """[...document.querySelectorAll("body *")]
  .filter((e) => e.checkVisibility() && !e.closest("#cards, .skip, .unseen, svg"))
  .filter((e) => { const b = e.getBoundingClientRect(); return b.width && (b.left < -1 || b.right > innerWidth + 1); })
  .map((e) => e.id || e.className || e.tagName)"""
"""What juts out at the side."""
