// What happens in the browser alone: large pictures, the slider, the gallery, pointing, examples, Escape, scrolling.
const by = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const textarea = () => by('#task textarea');
const press = (data) => by('#live .html-container > *, #live [id^="html-"]')?.dispatchEvent(new CustomEvent('omniagent-press', { detail: data }));

const fill = (words, place) => {
  const area = textarea();
  if (!area) return;
  area.value = words;
  area.dispatchEvent(new Event('input', { bubbles: true }));
  area.focus();
  area.setSelectionRange(place ?? words.length, place ?? words.length);
};

const zoom = (button) => {
  const source = by('img', button), dialog = by('#zoomed');
  by('img', dialog).src = source.src;
  by('img', dialog).alt = source.alt;
  by('figcaption', dialog).textContent = source.alt;
  dialog.showModal();
};

let chosen = null;
const compare = (button) => {
  const hint = by('#choose-second');
  if (!chosen || chosen.url === button.dataset.compare) {
    const same = chosen?.url === button.dataset.compare;
    chosen = same ? null : { url: button.dataset.compare, label: button.dataset.label };
    hint.hidden = same;
  } else {
    const dialog = by('#compared');
    by('.left', dialog).src = chosen.url;
    by('.left', dialog).alt = chosen.label;
    by('.right', dialog).src = button.dataset.compare;
    by('.right', dialog).alt = button.dataset.label;
    by('.name-left', dialog).textContent = chosen.label;
    by('.name-right', dialog).textContent = button.dataset.label;
    slide(50);
    by('input', dialog).value = 50;
    chosen = null;
    hint.hidden = true;
    dialog.showModal();
    by('input', dialog).focus();
  }
  mark();
};
const mark = () => all('[data-compare]').forEach((one) => one.setAttribute('aria-pressed', String(one.dataset.compare === chosen?.url)));
const slide = (share) => by('#compared').style.setProperty('--share', `${share}%`);

const gallery = () => {
  const grid = by('#all-pictures .grid'), seen = new Set();
  grid.replaceChildren();
  for (const image of all('#past img[data-picture], #live img[data-picture]')) {
    if (seen.has(image.src)) continue;
    seen.add(image.src);
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'zoom';
    button.dataset.zoom = '';
    button.setAttribute('aria-label', image.alt);
    const copy = document.createElement('img');
    copy.src = image.src;
    copy.alt = image.alt;
    button.append(copy);
    grid.append(button);
  }
  by('#all-pictures').showModal();
};

// Pointing: a box is dragged, a stroke is painted, or one of nine places is chosen; its words go to the end of the message.
const pointed = (frame, box) => {
  const cell = Math.min(2, Math.floor(((box.top + box.bottom) / 2) * 3)) * 3 + Math.min(2, Math.floor(((box.left + box.right) / 2) * 3));
  const place = by(`[data-cell="${cell}"]`, frame).getAttribute('aria-label');
  const words = textarea().value.trim();
  press({ act: 'point', run: frame.dataset.run, name: frame.dataset.name, mark: box });
  fill(words ? `${words} ${place}` : ` ${place}`, words ? undefined : 0);
  pointing(frame, false);
};
const pointing = (frame, on) => {
  by('.pointing', frame).hidden = !on;
  by('.drawn', frame).hidden = true;
  painted(frame, []);
  by('.ways', frame.parentElement).hidden = !on;
  by('[data-point]', frame.closest('.result')).setAttribute('aria-pressed', String(on));
  if (on) by('[data-cell="0"]', frame).focus({ preventScroll: true });
};
const painted = (frame, points) => {
  const shown = by('.marked', frame);
  shown.toggleAttribute('hidden', !points.length);
  by('path', shown).setAttribute('d', points.length ? `M${points.map(([x, y]) => `${100 * x} ${100 * y}`).join(' L')}` : '');
};
const brushes = (area) => by('[data-way="brush"]', area.closest('figure')).getAttribute('aria-pressed') === 'true';
// A long stroke is thinned to what the server takes.
const thinned = (points) => points.filter((_, at) => at % Math.ceil(points.length / 500) === 0 || at === points.length - 1);
let drag = null;
const share = (event, area) => {
  const { left, top, width, height } = area.getBoundingClientRect(), within = (value) => Math.min(1, Math.max(0, value));
  return { x: within((event.clientX - left) / width), y: within((event.clientY - top) / height) };
};
const boxed = (one, two) => ({ left: Math.min(one.x, two.x), top: Math.min(one.y, two.y), right: Math.max(one.x, two.x), bottom: Math.max(one.y, two.y) });
document.addEventListener('pointerdown', (event) => {
  const area = event.target.closest('.pointing');
  if (!area) return;
  const from = share(event, area);
  drag = { area, from, stroke: brushes(area) ? [[from.x, from.y]] : null };
  event.preventDefault();
});
document.addEventListener('pointermove', (event) => {
  if (!drag) return;
  const here = share(event, drag.area);
  if (drag.stroke) {
    drag.stroke.push([here.x, here.y]);
    painted(drag.area.closest('.pointed'), drag.stroke);
    return;
  }
  const box = boxed(drag.from, here), drawn = by('.drawn', drag.area);
  drawn.hidden = false;
  Object.assign(drawn.style, { left: `${100 * box.left}%`, top: `${100 * box.top}%`, width: `${100 * (box.right - box.left)}%`, height: `${100 * (box.bottom - box.top)}%` });
});
document.addEventListener('pointerup', (event) => {
  if (!drag) return;
  const { area, from, stroke } = drag, box = boxed(from, share(event, area));
  drag = null;
  if (stroke) {
    const across = stroke.map(([x]) => x), down = stroke.map(([, y]) => y);
    Object.assign(box, { left: Math.min(...across), top: Math.min(...down), right: Math.max(...across), bottom: Math.max(...down), stroke: thinned(stroke) });
  }
  pointed(area.closest('.pointed'), box);
});
document.addEventListener('pointercancel', () => {
  if (!drag) return;
  const frame = drag.area.closest('.pointed');
  drag = null;
  painted(frame, []);
  by('.drawn', frame).hidden = true;
});

document.addEventListener('click', (event) => {
  const target = event.target.closest('[data-zoom], [data-compare], [data-gallery], [data-point], [data-way], [data-cell], [data-fill], [data-close]');
  if (!target) return;
  if (target.dataset.close !== undefined) target.closest('dialog').close();
  else if (target.dataset.fill !== undefined) fill(target.dataset.fill);
  else if (target.dataset.compare !== undefined) compare(target);
  else if (target.dataset.gallery !== undefined) gallery();
  else if (target.dataset.zoom !== undefined) zoom(target);
  else if (target.dataset.way !== undefined) {
    for (const way of all('[data-way]', target.parentElement)) way.setAttribute('aria-pressed', String(way === target));
  } else if (target.dataset.point !== undefined) {
    const frame = by('.pointed', target.closest('.result'));
    pointing(frame, by('.pointing', frame).hidden);
  } else if (target.dataset.cell !== undefined && event.detail === 0) {
    // By the keyboard: a mouse has said where it was let go.
    const cell = Number(target.dataset.cell), left = (cell % 3) / 3, top = Math.floor(cell / 3) / 3;
    pointed(target.closest('.pointed'), { left, top, right: Math.min(1, left + 1 / 3), bottom: Math.min(1, top + 1 / 3) });
  }
});
document.addEventListener('input', (event) => {
  if (event.target.closest('#compared')) slide(event.target.value);
});
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape' || event.isComposing || by('dialog[open]')) return;
  const open = by('.pointing:not([hidden])');
  if (open) pointing(open.closest('.pointed'), false);
  else if (chosen) { chosen = null; by('#choose-second').hidden = true; mark(); }
  else if (by('#live .doing')) press({ act: 'stop' });
});

// The server may be slow to answer while models load: that a message is on its way is seen at once.
const sending = () => {
  const words = by('#dialogs [data-sending]')?.dataset.sending;
  if (!words || !textarea()?.value.trim() || by('#live .doing') || by('.sending')) return;
  const told = document.createElement('p');
  told.className = 'doing sending';
  told.setAttribute('role', 'status');
  told.innerHTML = '<span class="spin" aria-hidden="true"></span><span class="stage"></span>';
  by('.stage', told).textContent = words;
  by('#composer').before(told);
};
document.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing && event.target === textarea()) sending();
}, true);
document.addEventListener('click', (event) => {
  if (event.target.closest('#task .submit-button')) sending();
}, true);

const named = () => {
  const title = by('#all-pictures h2')?.textContent, name = by('[data-gallery-name]');
  if (title && name && name.textContent !== title) name.textContent = title;
  document.documentElement.lang = by('#dialogs [data-language]')?.dataset.language ?? 'en';
  const area = textarea();
  if (area && area.placeholder) area.setAttribute('aria-label', area.placeholder);
};
// Readers of the screen are told what is being done and how it ended, not each step.
const announce = () => {
  const words = (by('#live .doing .stage') ?? by('#live .result .pill') ?? by('#live .bad'))?.textContent.trim() ?? '';
  const told = by('#announced');
  if (told && told.textContent !== words) told.textContent = words;
};
// A page that is loaded again shows the same thread.
const address = () => {
  const here = by('#history .here .open')?.dataset.talk ?? 'new', url = new URL(window.location.href);
  if (!by('#history nav') || url.searchParams.get('thread') === here) return;
  url.searchParams.set('thread', here);
  window.history.replaceState(null, '', url);
};
let followed = true;
const bottom = () => document.documentElement.scrollHeight - window.innerHeight - window.scrollY < 160;
window.addEventListener('scroll', () => { followed = bottom(); }, { passive: true });
window.omniagent = {
  focus: () => setTimeout(() => textarea()?.focus(), 100),
  changed: () => {
    by('.sending')?.remove();
    named();
    mark();
    announce();
    address();
    if (followed) window.scrollTo({ top: document.documentElement.scrollHeight });
  },
};
// On a narrow screen the side would cover the thread; it opens itself a little after the page does.
if (window.innerWidth < 768) {
  let tries = 0;
  const closing = setInterval(() => {
    const open = by('#side.open');
    if (open) by('.toggle-button', open).click();
    if (open || ++tries > 50) clearInterval(closing);
  }, 100);
}
new MutationObserver(named).observe(document.body, { childList: true, subtree: true });
named();
