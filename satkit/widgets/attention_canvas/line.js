// Drawing once a frame, the line of text, and the note at the pointer: of explorers that have one line for everything.
//
// Their view has draw(view), which draws everything, and words: name, hint and keys, read aloud around the line.

const REST = 150; // milliseconds without a movement after which the hand rests
const SPEAK = 400; // milliseconds after which the line is read aloud

// Draw in the next frame, once, however much changes until then.
function schedule(view) {
  if (view.pending || view.closed) return;
  view.pending = requestAnimationFrame(() => {
    view.pending = 0;
    view.draw(view);
  });
}

function sayLine({ parts, words }, text) {
  if (parts.line.textContent === text) return;
  parts.line.textContent = text;
  clearTimeout(parts.speaking);
  parts.speaking = setTimeout(() => {
    parts.spoken.textContent = text;
    parts.frame.setAttribute("aria-label", `${words.name} ${text}. ${words.hint} ${words.keys}`);
  }, SPEAK);
}

// Show some lines beside the pointer, or no note without any.
function showNote({ parts, reading }, lines) {
  parts.tip.hidden = !lines?.length;
  if (parts.tip.hidden) return;
  parts.tip.replaceChildren(...lines.map((line) => element("div", "", line)));
  placeTip(parts.tip, parts.frame, reading.x + 16, reading.y + 18, reading.y - parts.tip.offsetHeight - 12);
}
