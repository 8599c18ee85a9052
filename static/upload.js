/* The data page's uploads: several files, one after another, with a bar each. Without this script
   the form still sends one file. */
(() => {
  const form = document.getElementById('upload-form');
  const input = document.getElementById('file');
  const drop = document.getElementById('drop');
  const list = document.getElementById('sending');
  const pattern = document.getElementById('sending-row');
  const said = form.dataset;
  const number = new Intl.NumberFormat('en-US', {maximumFractionDigits: 1});
  const size = bytes => bytes < 1e3 ? `${bytes} B` : bytes < 1e6 ? `${number.format(Math.round(bytes / 1e3))} KB` : bytes < 1e9 ? `${number.format(bytes / 1e6)} MB` : `${number.format(bytes / 1e9)} GB`;
  const fill = (words, values) => words.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

  const waiting = [];
  let sending = null;

  /* The form's button becomes a chooser: files leave as soon as they are chosen. */
  input.multiple = true;
  input.classList.add('vh');
  document.getElementById('send').hidden = true;
  form.querySelector('label[for=file]').hidden = false;
  input.addEventListener('change', () => { add(input.files); input.value = ''; });
  form.addEventListener('submit', event => event.preventDefault());

  const add = files => {
    for (const file of files) {
      const row = pattern.content.firstElementChild.cloneNode(true);
      const entry = {file, row, request: null};
      row.querySelector('.n').textContent = file.name;
      row.querySelector('small').textContent = size(file.size);
      row.querySelector('button').addEventListener('click', () => stop(entry));
      list.append(row);
      if (file.size > Number(said.limit)) refuse(entry, fill(said.large, {size: size(Number(said.limit))}));
      else waiting.push(entry);
    }
    next();
  };

  const stop = entry => {
    const at = waiting.indexOf(entry);
    if (at >= 0) waiting.splice(at, 1);
    if (entry.request) entry.request.abort();
    else entry.row.remove();
  };

  const refuse = (entry, words) => {
    const lamp = entry.row.querySelector('.lamp');
    lamp.className = 'lamp f';
    lamp.setAttribute('aria-label', said.refused);
    entry.row.querySelector('progress')?.remove();
    entry.row.querySelector('.said').textContent = words;
    entry.row.querySelector('button').textContent = said.close;
    entry.request = null;
    document.getElementById('said').textContent = `${entry.file.name}: ${words}`;
  };

  const next = () => {
    document.body.classList.toggle('sending', Boolean(sending || waiting.length));
    if (sending || !waiting.length) return;
    sending = waiting.shift();
    const entry = sending;
    const bar = entry.row.querySelector('progress');
    const words = entry.row.querySelector('.said');
    const request = entry.request = new XMLHttpRequest();
    const body = new FormData();
    for (const field of form.elements) {
      if (field.name && field.value && field.type !== 'file' && field.type !== 'hidden') body.append(field.name, field.value);
    }
    body.append('file', entry.file);
    request.upload.addEventListener('progress', event => {
      const percent = Math.floor(100 * event.loaded / event.total);
      bar.value = percent;
      words.textContent = fill(said.progress, {done: size(event.loaded), total: size(event.total), percent});
    });
    request.upload.addEventListener('load', () => {
      bar.removeAttribute('value');
      words.textContent = said.reading;
      document.body.classList.remove('sending');
      entry.row.hidden = true; /* from here on the server tells how far the reading is */
    });
    request.addEventListener('loadend', () => {
      const answer = request.response;
      if (request.status >= 400) {
        entry.row.hidden = false;
        refuse(entry, answer?.title ? `${answer.title}. ${answer.detail ?? ''}` : fill(said.unsent, {reason: request.status}));
      } else if (request.status === 0) {
        entry.row.hidden = false;
        refuse(entry, said.stopped);
      } else entry.row.remove();
      sending = null;
      htmx.trigger('#live', 'settled', {});
      next();
    });
    request.open('POST', form.action);
    request.responseType = 'json';
    request.setRequestHeader('Accept', 'application/json');
    request.setRequestHeader('X-CSRF-Token', form.elements.csrf.value);
    request.send(body);
  };

  /* The whole page takes files; the frame of the field says so. */
  let over = 0;
  const holdsFiles = event => event.dataTransfer?.types.includes('Files');
  addEventListener('dragenter', event => { if (holdsFiles(event)) { over += 1; drop.classList.add('over'); } });
  addEventListener('dragleave', event => { if (holdsFiles(event) && (over -= 1) <= 0) { over = 0; drop.classList.remove('over'); } });
  addEventListener('dragover', event => { if (holdsFiles(event)) event.preventDefault(); });
  addEventListener('drop', event => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    over = 0;
    drop.classList.remove('over');
    add(event.dataTransfer.files);
  });
  addEventListener('beforeunload', event => { if (sending || waiting.length) event.preventDefault(); });
})();
