// What this browser remembers of its user's choices, where it may.

/** Forgotten with the tab: for what others are not to find. */
export const SESSION = "sessionStorage";

/** "" where nothing is kept. */
export function kept(name, where = "localStorage") {
  try {
    return window[where].getItem(`voiced.${name}`) ?? "";
  } catch {
    return ""; // the browser keeps nothing for this page
  }
}

export function keep(name, value, where = "localStorage") {
  try {
    window[where].setItem(`voiced.${name}`, value);
  } catch {
    // it holds until the page is left
  }
}
