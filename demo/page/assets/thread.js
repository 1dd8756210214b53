// Buttons of the thread, the history and the part above the box; runs once for each of them.
const send = (data) => trigger('press', data);
const opened = new Set();
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-act]');
  if (!button || !element.contains(button)) return;
  if (button.dataset.sure && !window.confirm(button.dataset.sure)) return;
  const { act, talk, turn, run, name } = button.dataset;
  send({ act, talk, turn, run, name });
  if (['use', 'fork', 'edit', 'new'].includes(act)) window.omniagent?.focus();
});
element.addEventListener('submit', (event) => {
  const form = event.target.closest('[data-answer]');
  if (!form) return;
  event.preventDefault();
  send({ act: 'answer', run: form.dataset.answer, words: form.elements.answer.value });
});
element.addEventListener('omniagent-press', (event) => send(event.detail));
element.addEventListener('toggle', (event) => {
  const key = event.target.dataset?.keep;
  if (key) opened[event.target.open ? 'add' : 'delete'](key);
}, true);
// The page is brought up to date element by element; what a person had opened stays open.
watch('value', () => {
  for (const part of element.querySelectorAll('details[data-keep]')) {
    if (opened.has(part.dataset.keep)) part.open = true;
  }
  window.omniagent?.changed();
});
