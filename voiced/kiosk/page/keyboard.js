// The keys of the page; they can be switched off, for who speaks to a program that types.

/** `actions`: mute, stop, question, help, louder(step). `talk`: the TalkButton. `wanted()`: whether keys are to work. */
export function listenToKeys({ talk, talkButton, actions, wanted }) {
  let spaceHeld = false;

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) return;
    if (event.isComposing) return; // Escape takes back what is being composed of Chinese, no more
    const onTalk = event.target === talkButton;
    if (event.key === " " && (onTalk || (wanted() && isFree(event.target)))) {
      event.preventDefault();
      if (!event.repeat) {
        spaceHeld = true;
        talk.press(event.timeStamp);
      }
      return;
    }
    if (event.key === "Escape" && wanted()) {
      if (isField(event.target)) event.target.blur();
      else actions.stop();
      return;
    }
    if (event.repeat || !wanted() || isField(event.target)) return;
    const action = {
      m: actions.mute,
      s: actions.stop,
      "/": actions.question,
      "?": actions.help,
      "+": () => actions.louder(10),
      "-": () => actions.louder(-10),
    }[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
  });

  document.addEventListener("keyup", (event) => {
    if (event.key !== " " || !spaceHeld) return;
    spaceHeld = false;
    event.preventDefault();
    talk.release(event.timeStamp);
  });
}

/** Nothing of the page wants the space bar for itself. */
function isFree(target) {
  return !target.closest("button, input, select, summary, a");
}

function isField(target) {
  return target.matches("input:not([type=range], [type=checkbox]), select");
}
