// The page around paper and networks: it lets the networks look at the drawing, and shows what they answer.
// NETWORKS, OWN, DOUBT and EXAMPLES come from page.py; the rest from the parts before this one, in their order.

const all = [...OWN, ...NETWORKS];  // what is shown side by side
const networks = all.map(unpack);
const doubter = DOUBT && unpack(DOUBT);
let chosen = 0;  // index of the network whose layers are shown
let digits = [], shown = 0;  // those on the paper, letters too; index of the one whose bars and layers are shown
const MOST = 10;  // bars; of more classes, the likeliest are shown
let picked = null;  // index of the digit that was picked, or null: the one drawn last


// ---- Look ----

/** Let the chosen network look at the paper; show all of it, and return the answer as a sentence. */
function look() {
  digits = readPaper();
  const latest = digits.findIndex(({strokes}) => strokes.includes(marks.at(-1)));
  shown = Math.min(picked ?? (latest < 0 ? digits.length - 1 : latest), digits.length - 1);
  for (const digit of digits) {
    digit.stack = forward(networks[chosen], digit.picture);
    // Letters and clothes are no digits at all, and a digit half drawn is none yet.
    digit.isDoubtful = doubter !== null && isOfDigits(all[chosen]) && !pointer && mayBeNone(digit.picture);
  }
  const {picture, stack} = digits[shown] ?? {};
  element("hint").hidden = marks.length > 0;
  element("undo").disabled = !earlier.length;
  element("share").disabled = !marks.length;
  showPaper(digits, shown);
  for (const id of ["picture", "thumb"]) paint(element(id), picture?.values, 255);
  showLayers(stack);
  showMattersSoon();
  compare();
  return digits.length ? showAnswer() : showNothing();
}

/** Return whether a picture may be no digit, as a network of its own judges. */
function mayBeNone(picture) {
  const [digit, none] = forward(doubter, picture).at(-1).values;  // their difference: the logarithm of the odds
  return digit - none < DOUBT.least;
}

let isLookDue = false;  // before the screen is shown again

function lookSoon() {
  if (isLookDue) return;
  isLookDue = true;
  requestAnimationFrame(() => {
    isLookDue = false;
    look();
  });
}

/** Return what logits say: the probability of each class, and the classes from the likeliest on. */
function answerOf(logits) {
  const probabilities = softmax(logits);
  const sorted = [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a]);
  return {probabilities, sorted, first: sorted[0], second: sorted[1]};
}

/** Show the answer to each digit and the probabilities of the one that is shown; return it as a sentence. */
function showAnswer() {
  const answers = digits.map(({stack, isDoubtful}) => ({isDoubtful, ...answerOf(stack.at(-1).values)}));
  const {probabilities, sorted, first, second} = answers[shown], isAlone = answers.length === 1;
  const {classes} = all[chosen], share = percent(probabilities[first]);
  const confidence = `confidence ${share}; next ${classes[second]}, ${percent(probabilities[second])}`;
  const isDoubtful = answers.some(({isDoubtful}) => isDoubtful), which = isAlone ? "This" : "What has a ?";
  const doubt = isDoubtful ? `${which} may be no digit, says a second network.` : "";

  showDigits(answers);
  element("doubt").textContent = doubt;
  element("answer").textContent = isAlone || hasWords(all[chosen]) ? confidence : `${classes[first]}: ${confidence}`;
  const labels = classes.length > MOST ? sorted : [...classes.keys()];
  labels.slice(0, MOST).forEach((label, row) => {
    showBar(row, classes[label], probabilities[label], percent(probabilities[label]), label === first);
  });
  const number = answers.map(nameOfAnswer).join(" ");
  return doubt ? `${number} ${doubt} ${confidence}` : `${number}, ${confidence}`;
}

const nameOfAnswer = ({first, isDoubtful}) => all[chosen].classes[first] + (isDoubtful ? "?" : "");

/** Show the answers as one number; of several digits, each says how sure it is and can be picked. */
function showDigits(answers) {
  const headline = element("digit"), names = answers.map(nameOfAnswer);
  headline.style.setProperty("--count", joined(all[chosen], names).length);
  headline.classList.toggle("many", names.length > 5);  // there is no room for the confidence of each
  if (names.length === 1) return headline.replaceChildren(names[0]);
  if (headline.children.length !== names.length) {  // the focus stays where they are only renamed
    headline.replaceChildren(...names.map((_, i) => {
      const button = make("button", "");
      button.addEventListener("click", () => pick(i));
      return button;
    }));
  }
  [...headline.children].forEach((button, i) => {
    const {probabilities, first} = answers[i];
    button.textContent = names[i];
    button.dataset.confidence = percent(probabilities[first]);  // the style sheet shows it below the digit
    button.setAttribute("aria-label", `${names[i]}, confidence ${button.dataset.confidence}`);
    button.setAttribute("aria-pressed", i === shown);
  });
}

/** Show another one of several digits. */
function pick(index) {
  picked = Math.max(0, Math.min(digits.length - 1, index));
  say(look());
}

/** Show that there is nothing to answer, and return this as a sentence. */
function showNothing() {
  element("digit").replaceChildren("?");
  element("digit").style.setProperty("--count", 1);
  element("doubt").textContent = "";
  element("answer").textContent = `Draw ${isOfDigits(all[chosen]) ? "a digit " : ""}to see an answer.`;
  const {classes} = all[chosen];
  for (let row = 0; row < Math.min(MOST, classes.length); row++) {
    showBar(row, classes.length > MOST ? "·" : classes[row], 0, "", false);
  }
  return "The paper is empty.";
}

function showBar(index, name, share, text, isFirst) {
  const row = element("bars").children[index];
  row.classList.toggle("first", isFirst);
  row.style.setProperty("--share", share);
  row.querySelector(".name").textContent = name;
  row.title = hasWords(all[chosen]) ? name : "";  // there may be room for a part of it only
  row.querySelector(".percent").textContent = text;
}

/** Make a bar for each class of the chosen network, and room for their names; say what it knows on the empty paper. */
function makeBars() {
  const {classes} = all[chosen], count = Math.min(MOST, classes.length), words = hasWords(all[chosen]);
  element("bars").replaceChildren(...Array.from({length: count}, () => {
    return make("li", "", make("span", "name"), make("span", "track", make("span", "bar")), make("span", "percent"));
  }));
  element("bars").style.setProperty("--bars", count);
  for (const id of ["digit", "bars"]) element(id).classList.toggle("words", words);
  const more = classes.length > MOST ? ` and ${classes.length - MOST} more` : "";
  const what = isOfDigits(all[chosen]) ? "Draw a digit from 0 to 9 here,"
    : `Draw here: ${classes.slice(0, MOST).join(", ")}${more},`;
  element("hint").replaceChildren(what, make("br", ""), "with mouse, finger or pen");
}

/** Say an answer to those who listen to the page instead of looking at it. */
function say(sentence) {
  element("spoken").textContent = sentence;
}


// ---- Compare ----

const waiting = new Set();  // networks that have not answered what is drawn now, those that wait longest first

/** Let the chosen network answer in its row at once, and the others one by one, so that drawing stays smooth. */
function compare() {
  showRow(chosen);
  const isAtWork = waiting.size > 0;
  all.forEach((_, index) => index !== chosen && waiting.add(index));
  if (!isAtWork && waiting.size) setTimeout(compareNext);
}

function compareNext() {
  const [index] = waiting;
  waiting.delete(index);
  if (index !== undefined) showRow(index);
  if (waiting.size) setTimeout(compareNext);
}

/** Show what a network answers: all digits, and how sure it is of them together. */
function showRow(index) {
  const row = element("networks").children[index];
  const logits = ({picture, stack}) => (index === chosen ? stack : forward(networks[index], picture)).at(-1).values;
  const answers = digits.map(digit => answerOf(logits(digit)));
  const together = answers.reduce((product, {probabilities, first}) => product * probabilities[first], 1);
  const says = row.querySelector(".says");
  says.textContent = joined(all[index], answers.map(({first}) => all[index].classes[first])) || "–";
  row.querySelector(".percent").textContent = answers.length ? percent(together) : "";
}

const sizeOf = ({parameters}) => `${parameters.toLocaleString("en")} parameters`;

/** Take a network, and let it look at the drawing. */
function choose(index) {
  const {name, accuracy, trainings, tested} = all[index], size = sizeOf(all[index]);
  chosen = index;
  const right = accuracy === null ? "" : ` and gets ${accuracy.toFixed(2)}\u00a0% of ${tested} right`;
  const first = trainings === 1 ? "" : ` (mean of ${trainings} trainings; the first answers here)`;
  element("meaning").textContent = `${name === size ? "This network" : name} has ${size}${right}${first}.`;
  makeBars();
  makeLayers(networks[index]);
  say(look());
}


// ---- Which pixels mattered ----

/** Show which pixels mattered, if that is wished, between two strokes: it takes a hundred looks. */
function showMatters() {
  const isWished = element("matters").getAttribute("aria-pressed") === "true";
  const {picture, stack} = digits[shown] ?? {};
  const values = isWished && picture && !pointer
    ? matters(networks[chosen], picture, answerOf(stack.at(-1).values).first) : undefined;
  element("matters-note").hidden = !isWished;
  element("picture").classList.toggle("faint", values !== undefined);
  paint(element("matter"), values, values?.reduce((a, b) => Math.max(a, b), 1e-9), "--minus");
}

let mattersTimer;

function showMattersSoon() {
  paint(element("matter"));  // of another drawing
  clearTimeout(mattersTimer);
  mattersTimer = setTimeout(showMatters, 50);
}

element("matters").addEventListener("click", () => {
  const button = element("matters");
  button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
  showMatters();
});


// ---- Lay out ----

element("dead").remove();  // it says what to do where scripts do not run
linkLesson();
element("share").hidden = !canLink;
document.body.classList.toggle("framed", !canLink);  // in a notebook, which has said what this is

all.forEach((about, index) => {
  const {name, accuracy} = about, size = sizeOf(about);
  const choice = make("input", "");
  Object.assign(choice, {type: "radio", name: "network", value: name});
  choice.addEventListener("change", () => choose(index));
  const right = accuracy === null ? "" : `${accuracy.toFixed(2)}\u00a0%`;
  const note = make("span", "note", [name === size ? "" : size, right].filter(Boolean).join(", "));
  const answer = [make("span", hasWords(about) ? "says words" : "says"), make("span", "percent")];
  element("networks").append(make("label", "", choice, make("b", "", name), note, ...answer));
});

EXAMPLES.forEach((_, digit) => {
  const button = make("button", "", makeMap(28));
  button.setAttribute("aria-label", `Test digit ${digit}`);
  button.addEventListener("click", () => example(digit));
  element("examples").append(button);
});

function paintExamples() {
  EXAMPLES.forEach((base64, digit) => paint(element("examples").children[digit].firstChild, bytes(base64), 255));
}

element("undo").addEventListener("click", undo);
element("clear").addEventListener("click", clear);
element("share").addEventListener("click", share);

document.addEventListener("keydown", event => {
  const isUndo = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z";
  if (!isUndo && (event.ctrlKey || event.altKey || event.metaKey)) return;
  if (isUndo) undo();
  else if (event.key === "Escape" && pointer) undo();
  else if (["Escape", "Delete", "Backspace"].includes(event.key)) clear();
  else if (/^[0-9]$/.test(event.key)) example(Number(event.key));
  else if (event.target.name === "network" || digits.length < 2) return;  // there, arrows choose a network
  else if (event.key === "ArrowLeft") pick(shown - 1);
  else if (event.key === "ArrowRight") pick(shown + 1);
});
window.addEventListener("hashchange", () => {
  restore();
  say(look());
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  colours.clear();
  paintExamples();
  choose(chosen);
});

const best = Math.max(...all.map(({accuracy}) => accuracy ?? 0));
const start = OWN.length ? 0 : Math.max(0, all.findIndex(({accuracy}) => accuracy === best));
element("networks").children[start].firstChild.checked = true;
paintExamples();
restore();
choose(start);
