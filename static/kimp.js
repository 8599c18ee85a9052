/* The frame: keys, go to, clock, theme, freeze, stream state. Pages work without it. */
(() => {
  const root = document.documentElement;
  const body = document.body;
  const byId = id => document.getElementById(id);
  const typing = el => el.matches?.('input:not([type=checkbox]):not([type=radio]), select, textarea, [contenteditable]');

  /* A choice is kept in a cookie, as the server does for ?theme= and ?lang=. */
  const keep = (name, value) => {
    const secure = location.protocol === 'https:' ? '; secure' : '';
    document.cookie = `kimp_${name}=${value}; path=/; max-age=31536000; samesite=lax${secure}`;
  };

  /* ---- dialogs ---- */
  const open = id => {
    const dialog = byId(id);
    if (!dialog || dialog.open) return;
    for (const other of document.querySelectorAll('dialog[open]')) other.close();
    dialog.showModal();
  };
  document.addEventListener('click', event => {
    const opener = event.target.closest('[data-open]');
    if (opener) { event.preventDefault(); open(opener.dataset.open); }
    else if (event.target.matches('dialog[open]')) event.target.close();
  });

  document.addEventListener('click', async event => {
    const button = event.target.closest('[data-copy]');
    if (!button) return;
    const field = byId(button.dataset.copy);
    field.select();
    await navigator.clipboard?.writeText(field.value);
    button.textContent = byId('said').textContent = button.dataset.copied;
  });

  /* A row stands for its link. */
  document.addEventListener('click', event => {
    const row = event.target.closest('tr[data-row]');
    if (!row || event.target.closest('a, button, input, label') || getSelection().toString()) return;
    row.querySelector('a[href]')?.click();
  });

  document.addEventListener('click', event => {
    if (!event.target.closest('dialog [data-close]')) return;
    event.preventDefault();
    event.target.closest('dialog').close();
  });

  /* The kill switch: the first press opens its guard, a second one within 3 s stops all sending.
     Without this the first press leads to a page that asks. */
  const GUARD_MS = 3000;
  let guarded = 0;
  document.addEventListener('click', event => {
    const button = event.target.closest('[data-guard]');
    if (!button) return;
    event.preventDefault();
    if (performance.now() < guarded) { byId(button.dataset.guard).requestSubmit(); return; }
    guarded = performance.now() + GUARD_MS;
    body.classList.add('guard-open');
    byId('said').textContent = button.dataset.again;
    setTimeout(() => body.classList.remove('guard-open'), GUARD_MS);
  });
  document.addEventListener('htmx:after:swap', () => {
    const now = document.querySelector('#trading [data-mode]')?.dataset.mode;
    if (now && now !== root.dataset.mode) root.dataset.mode = now;
  });

  /* One box marks all of its group. */
  for (const all of document.querySelectorAll('input[data-marks]')) {
    all.hidden = false;
    all.addEventListener('change', () => {
      for (const box of byId(all.dataset.marks).querySelectorAll('input[name]')) box.checked = all.checked;
    });
  }

  /* A choice from a list is sent at once. */
  document.addEventListener('change', event => {
    if (event.target.matches('select[data-submit]')) event.target.form.requestSubmit();
  });

  /* A switch in the address keeps the rest of the address. */
  for (const link of document.querySelectorAll('[data-switch]')) {
    link.addEventListener('click', event => {
      event.preventDefault();
      const to = new URL(location.href);
      const [name, value] = [...new URL(link.href).searchParams][0];
      to.searchParams.set(name, value);
      location.assign(to);
    });
  }

  /* ---- go to: substring, or the first consonants of a Korean name (ㄷㅇㅌ finds 데이터) ---- */
  const INITIALS = [...'ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ'];
  const initials = word => [...word].map(letter => {
    const code = letter.charCodeAt(0) - 0xac00;
    return code >= 0 && code < 11172 ? INITIALS[Math.floor(code / 588)] : letter;
  }).join('');
  const found = (name, word) => {
    const plain = name.toLowerCase().replaceAll(' ', ''), sought = word.toLowerCase().replaceAll(' ', '');
    return plain.includes(sought) || initials(plain).includes(sought);
  };
  const word = byId('goto-word');
  if (word) {
    const byNumber = byId('goto-id');
    const places = JSON.parse(byNumber.dataset.places);
    const rows = [...document.querySelectorAll('#goto-list > li')];
    let at = 0;
    const shown = () => rows.filter(row => !row.hidden);
    const mark = () => {
      const now = shown();
      at = Math.max(0, Math.min(at, now.length - 1));
      for (const row of rows) row.setAttribute('aria-selected', String(row === now[at]));
      word.setAttribute('aria-activedescendant', now[at]?.id ?? '');
      byId('goto-none').hidden = now.length > 0;
    };
    const filter = () => {
      for (const row of rows) row.hidden = !found(row.querySelector('a').textContent, word.value);
      /* An id leads to its thing: d-31, b-193. */
      const id = /^([a-z])-[1-9][0-9]*$/.exec(word.value.trim().toLowerCase());
      byNumber.hidden = !(id && places[id[1]]);
      if (!byNumber.hidden) {
        const link = byNumber.querySelector('a');
        link.textContent = id[0];
        link.href = places[id[1]] + id[0];
      }
      at = 0;
      mark();
    };
    word.addEventListener('input', filter);
    word.addEventListener('keydown', event => {
      if (event.key === 'ArrowDown') at += 1;
      else if (event.key === 'ArrowUp') at -= 1;
      else if (event.key === 'Enter' && !event.isComposing) shown()[at]?.querySelector('a').click();
      else return;
      event.preventDefault();
      mark();
    });
    byId('goto').addEventListener('close', () => { word.value = ''; filter(); });
    filter();
  }

  /* ---- keys ---- */
  const rowsOfPage = () => [...document.querySelectorAll('main tbody tr')].filter(row => row.querySelector('a[href]') && row.offsetParent);
  let chosen = null;
  const step = by => {
    const rows = rowsOfPage();
    if (!rows.length) return;
    const before = rows.indexOf(chosen);
    const next = rows[before < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.max(0, Math.min(before + by, rows.length - 1))];
    chosen?.classList.remove('here');
    chosen = next;
    chosen.classList.add('here');
    chosen.querySelector('a[href]').focus({preventScroll: true});
    chosen.scrollIntoView({block: 'nearest'});
  };
  const theme = () => {
    const dark = getComputedStyle(root).colorScheme !== 'light' && (root.dataset.theme !== 'auto' || matchMedia('(prefers-color-scheme: dark)').matches);
    root.dataset.theme = dark ? 'light' : 'dark';
    keep('theme', root.dataset.theme);
    document.dispatchEvent(new CustomEvent('kimp:theme'));
  };
  /* hide what is one's own from a screenshot; the choice stays */
  const amounts = () => {
    root.dataset.amounts = root.dataset.amounts === 'hidden' ? 'shown' : 'hidden';
    keep('amounts', root.dataset.amounts);
  };
  const press = link => link && (link.focus({preventScroll: true}), link.click());
  /* a row's explanation; without a chosen row the first that has one */
  const explain = () => press((chosen?.isConnected ? chosen : document).querySelector('a[data-explain]'));
  const filter = () => {
    const field = document.querySelector('[data-filter]');
    field?.focus();
    field?.select();
  };
  const range = by => {
    const steps = [...document.querySelectorAll('[data-hours]')];
    const at = steps.findIndex(step => step.getAttribute('aria-pressed') === 'true');
    if (steps[at + by]) steps[at + by].click();
  };
  let frozen = false;
  const freeze = () => {
    if (frozen) { location.reload(); return; }
    frozen = true;
    root.classList.add('frozen');
    say('frozen');
  };
  let going = 0;
  const single = {
    '/': () => open('goto'), '?': () => open('keys'),
    j: () => step(1), k: () => step(-1), t: theme, '.': freeze,
    e: explain, f: filter, h: amounts, '[': () => range(-1), ']': () => range(1),
  };
  for (const digit of '1234') single[digit] = () => press(document.querySelector(`[data-key="${digit}"]`));
  document.addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (typing(event.target) || document.querySelector('dialog[open]')) return;
    /* The letter on the key, whatever alphabet is on: ㄷ is d. */
    const key = /^Key[A-Z]$/.test(event.code) ? event.code.slice(3).toLowerCase() : event.key;
    if (going > event.timeStamp) {
      going = 0;
      const link = document.querySelector(`.nav a[data-letter="${CSS.escape(key)}"]`);
      if (link) { event.preventDefault(); link.click(); return; }
    }
    if (key === 'g') { going = event.timeStamp + 1500; return; }
    if (single[key]) { event.preventDefault(); single[key](); }
  });

  /* ---- clock, in the viewer's zone, set by the server's time ---- */
  const clock = byId('clock');
  if (clock) {
    const ahead = Date.parse(clock.dateTime) - Date.now();
    const zone = {timeZone: body.dataset.zone, hourCycle: 'h23'};
    const hours = new Intl.DateTimeFormat('en-GB', {...zone, hour: '2-digit', minute: '2-digit', second: '2-digit'});
    const days = new Intl.DateTimeFormat(root.lang === 'ko' ? 'ko-KR' : 'en-GB', {...zone, weekday: 'short'});
    const date = new Intl.DateTimeFormat('en-CA', {...zone, month: '2-digit', day: '2-digit'});
    setInterval(() => {
      const now = new Date(Date.now() + ahead);
      clock.textContent = hours.format(now);
      clock.dateTime = now.toISOString();
      byId('today').textContent = `${date.format(now)} ${days.format(now)}`;
    }, 1000);
  }

  /* ---- the stream of this page: its state in the foot, a banner when it is lost; not swapped
     while the page is frozen or the pointer reads that very table ---- */
  const foot = byId('stream');
  const LOST_AFTER_MS = 5000;
  let heard = Date.now();
  const say = state => {
    if (!foot) return;
    foot.dataset.state = state;
    foot.querySelector('.lamp').className = {live: 'lamp', connecting: 'lamp u'}[state] ?? 'lamp c';
    foot.querySelector('.n').textContent = foot.dataset[state];
  };
  const hear = () => {
    heard = Date.now();
    byId('lost')?.remove();
    root.classList.remove('lost');
    if (!frozen && foot && foot.dataset.state !== 'live') say('live');
  };
  let gone = 0;
  const lose = () => {
    if (!foot || gone || document.hidden) return;
    gone = setInterval(() => {
      if (foot.dataset.state === 'live' || foot.dataset.state === 'frozen') {
        clearInterval(gone);
        gone = 0;
        return;
      }
      const age = Date.now() - heard;
      if (age < LOST_AFTER_MS) return;
      say('lost');
      root.classList.add('lost');
      const banner = byId('lost') ?? document.createElement('p');
      if (!banner.id) {
        banner.id = 'lost';
        banner.className = 'banner';
        banner.setAttribute('role', 'status');
        byId('main').prepend(banner);
      }
      const at = new Date(heard).toLocaleTimeString('en-GB', {timeZone: body.dataset.zone});
      banner.textContent = foot.dataset.banner.replace('{age}', `${Math.round(age / 1000)} s`).replace('{time}', at);
    }, 1000);
  };
  document.addEventListener('htmx:sse:after:connection', hear);
  document.addEventListener('htmx:sse:before:connection', () => {
    if (foot && foot.dataset.state === 'live') say('connecting');
    lose();
  });
  document.addEventListener('htmx:sse:error', lose);
  document.addEventListener('htmx:sse:close', lose);
  /* ---- tab title and icon: the leader's premium; a tab in the background asks for it ---- */
  const title = document.title;
  const icon = document.querySelector('link[rel=icon]');
  const plain = icon?.href;
  const BACKGROUND_MS = 5000;
  const ways = {up: [4, 21, 16, 6], down: [4, 6, 16, 21]};
  const headline = told => {
    if (!told || frozen) return;
    const {title: words, way} = told.dataset;
    const written = words ? `${words} · ${title}` : title;
    if (document.title !== written) document.title = written;
    if (!icon || icon.dataset.way === `${way}${root.dataset.updown}`) return;
    icon.dataset.way = `${way}${root.dataset.updown}`;
    if (!ways[way]) { icon.href = plain; return; }
    const [x0, y0, x1, y1] = ways[way];
    const red = (way === 'up') === (root.dataset.updown === 'kr');
    const ink = red ? '#fa7972' : root.dataset.updown === 'kr' ? '#72adf0' : '#54d192';
    icon.href = `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" fill="#0e1014"/><path d="M${x0} ${y0}h12v5H${x0}zM${x1} ${y1}h12v5H${x1}z" fill="${ink}"/></svg>`)}`;
  };
  headline(byId('headline'));
  const behind = async () => {
    if (!document.hidden || !byId('headline')) return;
    const answer = await fetch('/live/headline', {credentials: 'same-origin'}).catch(() => null);
    if (!answer?.ok) return;
    const made = document.createElement('template');
    made.innerHTML = await answer.text();
    headline(made.content.firstElementChild);
  };
  setInterval(behind, BACKGROUND_MS);
  document.addEventListener('htmx:after:swap', () => headline(byId('headline')));

  const late = new Map();
  document.addEventListener('htmx:sse:before:message', event => {
    hear();
    const {data} = event.detail.message;
    const table = byId(/hx-target="#([\w-]+)"/.exec(data ?? '')?.[1])?.closest('table');
    if (table?.matches(':hover')) {
      if (!late.size) table.addEventListener('pointerleave', catchUp, {once: true});
      late.set(table.id + data.slice(0, data.indexOf('>')), {text: data, sourceElement: event.target, swap: 'none'});
    }
    if (frozen || table?.matches(':hover')) event.preventDefault();
  });
  const catchUp = () => {
    const messages = [...late.values()];
    late.clear();
    if (!frozen) for (const message of messages) htmx.swap(message);
  };
  document.addEventListener('htmx:before:request', event => {
    if (frozen && event.target.closest?.('[data-poll]')) event.preventDefault();
  });

  /* ---- a figure that has just changed stands out for a moment, one moment at a time ---- */
  const BRIGHT_MS = 700;
  const BRIGHT_MAX = 60;
  const bright = new WeakSet();
  const brighten = cell => {
    bright.add(cell);
    const light = {offset: 0, color: 'var(--ink)'};
    cell.animate([light], {duration: BRIGHT_MS, easing: 'ease-out'}).onfinish = () => bright.delete(cell);
  };
  if (!matchMedia('(prefers-reduced-motion:reduce)').matches) {
    const changed = changes => {
      const cells = new Set(changes.map(({target}) => target.parentElement?.closest('.n, .amt')));
      const dull = [...cells].filter(cell => cell && !bright.has(cell) && !cell.matches('.z'));
      for (const cell of dull.slice(0, BRIGHT_MAX)) brighten(cell);
    };
    new MutationObserver(changed).observe(byId('main'), {subtree: true, characterData: true});
  }
})();
