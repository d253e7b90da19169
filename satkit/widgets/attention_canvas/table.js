// Tables of numbers whose cells are buttons in the colours of a table of colours.

// Black or white, whichever is easier to read on a colour.
function inkOn(colour) {
  const [red, green, blue] = colour.map((part) => (part / 255) ** 2.2);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 ? "#000000" : "#ffffff";
}

function cellButton(words) {
  const button = element("button", "satkit-cell");
  button.type = "button";
  button.tabIndex = -1;
  button.setAttribute("aria-label", words);
  return button;
}

// Write a number into a cell, in the colour of its value on a scale; null where there is none.
function fillCell(button, text, table, value, [low, high]) {
  button.textContent = text ?? "\u2013";
  button.disabled = text === null;
  if (text === null) return;
  const shade = 3 * shadeOf(value, low, high);
  const colour = [...table.subarray(shade, shade + 3)];
  button.style.background = `rgb(${colour.join(" ")})`;
  button.style.color = inkOn(colour);
}

function headRow(texts) {
  const row = element("tr");
  for (const text of texts) {
    const head = element("th", "", text);
    head.scope = "col";
    row.append(head);
  }
  return row;
}

// One stop of the Tab key; arrows go from cell to cell.
function walkByArrows(table) {
  const rows = [...table.rows].slice(1).map((row) => [...row.querySelectorAll("button")]);
  const first = rows.flat().find((button) => !button.disabled);
  if (first) first.tabIndex = 0;
  table.addEventListener("focusin", (event) => {
    for (const button of rows.flat()) button.tabIndex = button === event.target ? 0 : -1;
  });
  table.addEventListener("keydown", (event) => {
    const row = rows.findIndex((each) => each.includes(event.target));
    if (!(event.key in ARROWS) || row < 0) return;
    const [down, right] = ARROWS[event.key];
    let [line, column] = [row, rows[row].indexOf(event.target)];
    do [line, column] = [line + down, column + right];
    while (rows[line]?.[column]?.disabled);
    const next = rows[line]?.[column];
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
}
